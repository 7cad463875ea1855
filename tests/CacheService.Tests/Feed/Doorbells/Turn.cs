namespace CacheService.Tests.Feed.Doorbells;

/// <summary>What happens next.</summary>
internal enum Turn
{
    /// <summary>The loop goes on to the next point where something can come between; where it waits with nothing to wake it, its time is over.</summary>
    Loop,

    /// <summary>A writer begins, or goes on: its trigger runs.</summary>
    WriteA,
    WriteB,

    CommitA,
    CommitB,

    AbortA,
    AbortB,

    /// <summary>The oldest bell in the air reaches the listener.</summary>
    Deliver,

    /// <summary>A read asks for a drain.</summary>
    Ask,

    /// <summary>Somebody holds a lock on what the loop reads next.</summary>
    LockOut,

    /// <summary>The session breaks at what the loop does next.</summary>
    Break,
}
