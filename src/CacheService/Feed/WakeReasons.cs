namespace CacheService.Feed;

/// <summary>Why the drain loop is woken.</summary>
[Flags]
internal enum WakeReasons
{
    None = 0,

    /// <summary>A writer found the cache asleep.</summary>
    Bell = 1,

    /// <summary>A read waits for a drain.</summary>
    Request = 2,

    /// <summary>The session with the database has a fault.</summary>
    Fault = 4,

    /// <summary>The ringer found changes.</summary>
    Changed = 8,
}
