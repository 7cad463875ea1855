using Grpc.Core;

namespace CacheService.Api.Grpc;

/// <summary>Who calls, for the log.</summary>
internal static class Callers
{
    /// <summary>The name of a key or a certificate; else where the call comes from.</summary>
    public static string NameOf(ServerCallContext call) => call.GetHttpContext().User.Identity?.Name is { Length: > 0 } name ? name : call.Peer;
}
