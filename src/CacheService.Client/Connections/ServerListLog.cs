using Microsoft.Extensions.Logging;

namespace CacheService.Client.Connections;

internal static partial class ServerListLog
{
    [LoggerMessage(EventId = 9004, EventName = "NameNotFound", Level = LogLevel.Warning, Message = "The servers' name {Name} was not found: {Reason}. It is looked up again every second; what it led to before stays.")]
    public static partial void NameNotFound(this ILogger logger, string name, string reason);
}
