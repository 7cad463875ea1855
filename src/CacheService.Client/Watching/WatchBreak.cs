using Grpc.Core;

namespace CacheService.Client.Watching;

/// <summary>Why a connection ended.</summary>
/// <param name="Status">The status of the call.</param>
/// <param name="Reason">In words.</param>
/// <param name="Silent">Whether the server had said nothing for too long.</param>
internal sealed record WatchBreak(StatusCode Status, string Reason, bool Silent = false)
{
    public static WatchBreak Ended { get; } = new(StatusCode.OK, "the server ended the watch");

    /// <summary>Whether another attempt can mend it.</summary>
    public static bool IsPassing(RpcException error) =>
        error.StatusCode is not (StatusCode.InvalidArgument or StatusCode.PermissionDenied or StatusCode.Unauthenticated or StatusCode.Unimplemented);

    public static WatchBreak Of(RpcException error)
    {
        // Only failures on this side carry an exception; the innermost says what is wrong, without the layers above it.
        var reason = error.Status.DebugException?.GetBaseException().Message ?? error.Status.Detail;
        return new WatchBreak(error.StatusCode, reason is { Length: > 0 } ? reason : error.StatusCode.ToString());
    }
}
