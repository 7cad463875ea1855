namespace CacheService.Feed;

/// <summary>
/// How far drains are apart: the busier the writers, the farther, because a drain costs the processors that they need the same whether it finds five changes or
/// fifty. Not thread-safe.
/// </summary>
/// <param name="least">However little there is to do.</param>
internal sealed class DrainPace(TimeSpan least)
{
    /// <summary>The interval for each change a second: up to 2,500 changes a second it is the least of 2 ms, at 12,500 the longest.</summary>
    private static readonly TimeSpan PerRate = TimeSpan.FromMicroseconds(0.8);

    /// <summary>Reads that ask for the truth wait no longer for the next drain.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromMilliseconds(10);

    /// <summary>Over which the rate is averaged, so that one transaction of a hundred rows slows nothing down.</summary>
    private static readonly TimeSpan Memory = TimeSpan.FromMilliseconds(50);

    private double _changesPerSecond;

    /// <summary>From the begin of a drain to that of the next, at least.</summary>
    public TimeSpan Interval
    {
        get
        {
            var paced = PerRate * _changesPerSecond;
            paced = paced < Longest ? paced : Longest;
            return paced > least ? paced : least;
        }
    }

    /// <summary>A drain has found changes.</summary>
    /// <param name="changes">How many.</param>
    /// <param name="since">The time in which they came: since the drain before began.</param>
    public void Count(long changes, TimeSpan since)
    {
        if (since > TimeSpan.Zero)
        {
            var weight = Math.Min(1, since / Memory);
            _changesPerSecond += weight * ((changes / since.TotalSeconds) - _changesPerSecond);
        }
    }
}
