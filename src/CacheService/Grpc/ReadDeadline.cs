using Grpc.Core;

namespace CacheService.Grpc;

/// <summary>How long a call may wait.</summary>
internal static class ReadDeadline
{
    private static readonly TimeSpan LongestMargin = TimeSpan.FromMilliseconds(250);

    /// <summary>The time to a call's deadline, less a margin in which the error that says why still reaches the caller; at most the given time.</summary>
    public static TimeSpan LimitOf(ServerCallContext context, TimeSpan atMost, TimeProvider time)
    {
        if (context.Deadline == DateTime.MaxValue)
        {
            return atMost;
        }

        var remaining = context.Deadline - time.GetUtcNow().UtcDateTime;
        var margin = remaining / 5 < LongestMargin ? remaining / 5 : LongestMargin;
        var limit = remaining - margin;
        return limit < TimeSpan.Zero ? TimeSpan.Zero : limit < atMost ? limit : atMost;
    }
}
