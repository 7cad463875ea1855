namespace CacheService.Feed;

/// <summary>
/// How far drains are apart: the busier the writers, the farther, because a drain costs the processors that they need the same whether it finds five changes or
/// fifty. Not thread-safe.
/// </summary>
/// <param name="least">However little there is to do, unless a read waits.</param>
internal sealed class DrainPace(TimeSpan least)
{
    /// <summary>The interval for each change a second: up to 2,500 changes a second it is the least of 2 ms, at 12,500 the longest.</summary>
    private static readonly TimeSpan PerRate = TimeSpan.FromMicroseconds(0.8);

    /// <summary>Reads that ask for the truth wait no longer for the next drain.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromMilliseconds(10);

    /// <summary>Over which the rate is averaged, so that one transaction of a hundred rows slows nothing down.</summary>
    private static readonly TimeSpan Memory = TimeSpan.FromMilliseconds(50);

    /// <summary>Where a read waits: the interval for each change a second. At 100 changes a second, writers' processors matter more than the read.</summary>
    private static readonly TimeSpan PerRateForReads = TimeSpan.FromMicroseconds(20);

    /// <summary>Where a read waits: the interval for what a drain takes, so that whoever reads again and again leaves a slow database half of its time.</summary>
    private const double PerCost = 2;

    /// <summary>What a drain takes is averaged over so many.</summary>
    private const double CostMemory = 8;

    private double _changesPerSecond;
    private TimeSpan _cost;

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

    /// <summary>As <see cref="Interval"/>, for a drain that a read waits for. With few writers or none there is nobody to spare but the database, by what a drain costs it.</summary>
    public TimeSpan IntervalForReads
    {
        get
        {
            var paced = PerRateForReads * _changesPerSecond;
            var afforded = _cost * PerCost;
            var interval = paced > afforded ? paced : afforded;
            return interval < Interval ? interval : Interval;
        }
    }

    /// <summary>A drain has ended.</summary>
    /// <param name="changes">How many changes it has found.</param>
    /// <param name="since">The time in which they came: since the drain before began.</param>
    /// <param name="cost">How long it took.</param>
    public void Count(long changes, TimeSpan since, TimeSpan cost)
    {
        _cost += (cost - _cost) / CostMemory;
        if (since > TimeSpan.Zero)
        {
            var weight = Math.Min(1, since / Memory);
            _changesPerSecond += weight * ((changes / since.TotalSeconds) - _changesPerSecond);
        }
    }
}
