namespace CacheService.Feed;

/// <summary>How well the cache follows the database.</summary>
internal enum FeedState
{
    /// <summary>No counts yet: connecting.</summary>
    Starting,

    /// <summary>No counts yet: waiting for earlier transactions, or loading.</summary>
    Syncing,

    /// <summary>The counts follow the database.</summary>
    Live,

    /// <summary>The counts are an earlier snapshot of the database.</summary>
    Stale,
}

/// <summary>The feed's state, and in words why it is not LIVE; empty when it is.</summary>
/// <param name="State">The state.</param>
/// <param name="Detail">Why it is not LIVE.</param>
/// <param name="IsForEverybody">Whether the words name nothing but tables, triggers and roles, so that they may be told to whoever asks.</param>
internal sealed record FeedCondition(FeedState State, string Detail, bool IsForEverybody = false);
