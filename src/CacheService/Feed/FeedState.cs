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
