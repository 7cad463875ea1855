namespace CacheService.Feed;

/// <summary>Growing, jittered pauses between attempts: doubled each time from 50 ms to a maximum, each drawn from its upper half.</summary>
internal sealed class AttemptPauses(TimeSpan maximum)
{
    private static readonly TimeSpan First = TimeSpan.FromMilliseconds(50);

    private TimeSpan _next = First;

    /// <summary>The next pause.</summary>
    public TimeSpan NextDelay()
    {
        var delay = _next < maximum ? _next : maximum;
        _next = delay * 2;
        return delay * (0.5 + (Random.Shared.NextDouble() / 2));
    }

    /// <summary>The next pause, after an attempt that held for a time: for more than the longest pause, and pauses begin short again.</summary>
    public TimeSpan NextDelayAfter(TimeSpan held)
    {
        if (held > maximum)
        {
            Reset();
        }

        return NextDelay();
    }

    /// <summary>Begins short again.</summary>
    public void Reset() => _next = First;
}
