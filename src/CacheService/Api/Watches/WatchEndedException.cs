using Grpc.Core;

namespace CacheService.Api.Watches;

/// <summary>The service has ended a watch that its client may resume; the message says why.</summary>
internal sealed class WatchEndedException(StatusCode code, string message) : Exception(message)
{
    /// <summary>What the client is told.</summary>
    public StatusCode Code { get; } = code;
}
