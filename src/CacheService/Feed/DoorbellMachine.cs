namespace CacheService.Feed;

/// <summary>
/// Decides when to sleep, so that writers ring, and when to wake. It does nothing itself: it is told what rang and what a drain found, and says what to do
/// with the ASLEEP lock and how long to wait. Not thread-safe.
/// <para>
/// It sleeps only after a drain that took ASLEEP first, which no running writer shared, and then found nothing: whoever wrote before is drained, whoever writes
/// after rings.
/// </para>
/// </summary>
internal sealed class DoorbellMachine(FeedOptions options)
{
    /// <summary>
    /// With the growing pauses some 40 ms: in the pauses of writers that come 50 times a second and more it stays awake. The counts are the younger for it, and
    /// writers need not ring.
    /// </summary>
    public const int EmptyDrainsBeforeSleep = 8;

    private const int EmptyDrainsBeforePausesGrow = 2;

    private static readonly TimeSpan ShortestGrowingPause = TimeSpan.FromMilliseconds(1);

    private int _emptyDrains;
    private TimeSpan _pause = options.MinDrainInterval;

    /// <summary>Where it stands.</summary>
    public DoorbellState State { get; private set; } = DoorbellState.Awake;

    /// <summary>How long to wait for a reason to drain; without one the next drain comes then.</summary>
    /// <param name="isRinger">Whether this is the cache that ASLEEP is for. The others are told by that one, and look at each heartbeat.</param>
    public TimeSpan WaitFor(bool isRinger) => State == DoorbellState.Asleep || !isRinger ? options.HeartbeatInterval : _pause;

    /// <summary>A drain is to begin.</summary>
    /// <param name="reasons">What has rung until now, all of which the drain is to see.</param>
    /// <param name="mayFallAsleep">Whether writers may be made to ring.</param>
    /// <returns>What comes before the drain.</returns>
    public DrainPrelude BeginDrain(WakeReasons reasons, bool mayFallAsleep)
    {
        switch (State)
        {
            case DoorbellState.Asleep when !reasons.HasFlag(WakeReasons.Bell):
                return DrainPrelude.None;
            case DoorbellState.Asleep or DoorbellState.Waking:
                State = DoorbellState.Waking;
                return DrainPrelude.WakeUp;
            case DoorbellState.Awake when mayFallAsleep && _emptyDrains >= EmptyDrainsBeforeSleep:
                State = DoorbellState.FallingAsleep;
                return DrainPrelude.FallAsleep;
            default:
                return DrainPrelude.None;
        }
    }

    /// <summary>The drain has ended.</summary>
    /// <param name="holdsAsleep">Whether ASLEEP is held now.</param>
    /// <param name="foundChanges">Whether it found any.</param>
    public void EndDrain(bool holdsAsleep, bool foundChanges)
    {
        if (foundChanges || State == DoorbellState.Waking)
        {
            _emptyDrains = 0;
            _pause = options.MinDrainInterval;
        }
        else
        {
            _emptyDrains++;
            // There is nothing yet, or writers are in flight: look less and less often.
            _pause = _emptyDrains <= EmptyDrainsBeforePausesGrow ? options.MinDrainInterval : Shorter(Longer(_pause, ShortestGrowingPause) * 2, options.MaxDrainPause);
        }

        State = !holdsAsleep ? DoorbellState.Awake : foundChanges ? DoorbellState.Waking : DoorbellState.Asleep;
    }

    /// <summary>The drain has failed, and ASLEEP was given back with all other locks.</summary>
    /// <returns>How long to wait before the next.</returns>
    public TimeSpan FailDrain()
    {
        _emptyDrains = 0;
        State = DoorbellState.Awake;
        return options.MaxDrainPause;
    }

    private static TimeSpan Longer(TimeSpan one, TimeSpan other) => one > other ? one : other;

    private static TimeSpan Shorter(TimeSpan one, TimeSpan other) => one < other ? one : other;
}

/// <summary>Where the <see cref="DoorbellMachine"/> stands.</summary>
internal enum DoorbellState
{
    /// <summary>ASLEEP is not held: nobody rings, and one drain follows the other.</summary>
    Awake,

    /// <summary>A drain is under way that takes ASLEEP first, if it gets it.</summary>
    FallingAsleep,

    /// <summary>ASLEEP is held, and the last drain found nothing: writers ring.</summary>
    Asleep,

    /// <summary>ASLEEP is held, and writers have come: the next drain gives it back first.</summary>
    Waking,
}

/// <summary>What to do with the ASLEEP lock before a drain takes its snapshot.</summary>
internal enum DrainPrelude
{
    None,

    /// <summary>Try to take it: with it held, every later writer rings.</summary>
    FallAsleep,

    /// <summary>Give it back: writers need not ring.</summary>
    WakeUp,
}
