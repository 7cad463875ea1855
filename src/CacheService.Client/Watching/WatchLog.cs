using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace CacheService.Client.Watching;

internal static partial class WatchLog
{
    [LoggerMessage(EventId = 9001, EventName = "WatchBroken", Level = LogLevel.Warning, Message = "The watch at {Address} is broken: {Status}: {Reason}. It tries again in {Pause}.")]
    public static partial void WatchBroken(this ILogger logger, Uri address, StatusCode status, string reason, TimeSpan pause);

    [LoggerMessage(EventId = 9002, EventName = "MirrorHandlerFailed", Level = LogLevel.Error, Message = "A handler of the mirror's {Event} event has thrown an exception.")]
    public static partial void MirrorHandlerFailed(this ILogger logger, string @event, Exception exception);

    [LoggerMessage(EventId = 9003, EventName = "MirrorFailed", Level = LogLevel.Error, Message = "The mirror has ended: {Reason}")]
    public static partial void MirrorFailed(this ILogger logger, string reason);
}
