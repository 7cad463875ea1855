using CacheService.Counts;

namespace CacheService.Feed;

/// <summary>Where the drain loop reads changes, and holds the ASLEEP and RINGER locks. All of it blocks; only for the drain loop's thread.</summary>
internal interface IChangeSource
{
    /// <summary>Whether ASLEEP is held, so that writers ring.</summary>
    bool HoldsAsleep { get; }

    /// <summary>Whether writers may be made to ring.</summary>
    bool MaySleep { get; }

    /// <summary>Throws what broke the session, if something did.</summary>
    void ThrowIfBroken();

    /// <summary>Tries to become the cache that uses ASLEEP. Kept until the session ends, or all locks are given back.</summary>
    bool TryBecomeRinger();

    /// <summary>Tells the other caches that there are changes.</summary>
    void TellOthers();

    /// <summary>Gives ASLEEP back, if it is held: from here on nobody rings for it.</summary>
    void WakeUp();

    /// <summary>Gives back all locks: after a drain that failed it is not known which are held.</summary>
    void ReleaseLocks();

    /// <summary>Whether a drain failed because somebody holds a lock on what it reads: it can be tried again.</summary>
    bool IsLockedOut(Exception error);

    /// <summary>Reads what has changed since a snapshot: runs the order's <see cref="DrainOrder.Steps"/>.</summary>
    /// <param name="since">The snapshot.</param>
    /// <param name="registration">Whose drain it is.</param>
    /// <param name="order">What it is to do.</param>
    /// <param name="timeout">After it the drain counts as failed.</param>
    DrainResult Drain(PgSnapshot since, Registration registration, DrainOrder order, TimeSpan timeout);
}
