namespace CacheService.Feed;

/// <summary>What to do with the ASLEEP lock before a drain takes its snapshot.</summary>
internal enum DrainPrelude
{
    None,

    /// <summary>Try to take it: with it held, every later writer rings.</summary>
    FallAsleep,

    /// <summary>Give it back: writers need not ring.</summary>
    WakeUp,
}
