namespace CacheService.Reading;

/// <summary>How long a read may wait.</summary>
internal static class ReadDeadline
{
    /// <summary>The deadline of a read that has none.</summary>
    public static readonly DateTime None = DateTime.MaxValue;

    private static readonly TimeSpan LongestMargin = TimeSpan.FromMilliseconds(250);

    /// <summary>The time to a deadline, less a margin in which the error that says why still reaches the caller; at most the given time.</summary>
    public static TimeSpan LimitOf(DateTime deadline, TimeSpan atMost, TimeProvider time)
    {
        if (deadline == None)
        {
            return atMost;
        }

        var remaining = deadline - time.GetUtcNow().UtcDateTime;
        var margin = remaining / 5 < LongestMargin ? remaining / 5 : LongestMargin;
        var limit = remaining - margin;
        return limit < TimeSpan.Zero ? TimeSpan.Zero : limit < atMost ? limit : atMost;
    }
}
