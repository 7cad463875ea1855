namespace CacheService.Client;

/// <summary>The state of a server's feed, the connection to the database that keeps its counts true.</summary>
public enum FeedState
{
    /// <summary>The server said nothing, or a state that this library does not know.</summary>
    Unknown,

    /// <summary>No counts yet: connecting to the database.</summary>
    Starting,

    /// <summary>No counts yet: waiting for earlier transactions, or loading.</summary>
    Syncing,

    /// <summary>The counts follow the database.</summary>
    Live,

    /// <summary>The counts are an earlier snapshot of the database; <see cref="Freshness.Age"/> says how old.</summary>
    Stale,
}
