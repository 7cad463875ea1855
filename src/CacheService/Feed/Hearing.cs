namespace CacheService.Feed;

/// <summary>What the listener hears: counts it, and wakes the drain loop. Its methods neither block nor throw. Thread-safe.</summary>
internal sealed class Hearing(WakeSignal wake, DrainLoop loop)
{
    private long _bells;
    private volatile bool _isWorking;

    /// <summary>Bells heard since the start.</summary>
    public long Bells => Volatile.Read(ref _bells);

    /// <summary>Whether a notification of this session's own came back.</summary>
    public bool IsWorking => _isWorking;

    /// <summary>A writer rang.</summary>
    public void HearBell()
    {
        Interlocked.Increment(ref _bells);
        wake.Set(WakeReasons.Bell);
    }

    /// <summary>The ringer found changes.</summary>
    public void HearOfChanges()
    {
        // The ringer hears itself.
        if (!loop.IsRinger)
        {
            wake.Set(WakeReasons.Changed);
        }
    }

    /// <summary>The session's own notification came back.</summary>
    public void HearItself() => _isWorking = true;

    /// <summary>No session has a listener: nothing is heard until the next one's self-test.</summary>
    public void Rest() => _isWorking = false;
}
