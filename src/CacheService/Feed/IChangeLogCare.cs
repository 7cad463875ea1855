namespace CacheService.Feed;

/// <summary>What keeps the change log small and the server free of caches that are gone. Any live cache does it, for all.</summary>
internal interface IChangeLogCare
{
    /// <summary>Drops consumers whose time is over, and deletes changes that every consumer has passed; what there is no time for is left to the next call.</summary>
    Task TrimAsync(TimeSpan atMost, CancellationToken cancellationToken);

    /// <summary>Ends the sessions of caches that are registered no longer and have not stirred for the time of a lease.</summary>
    /// <returns>How many.</returns>
    Task<long> EndSessionsOfTheGoneAsync(CancellationToken cancellationToken);

    /// <summary>The used share of the server's notification queue, 0 to 1.</summary>
    Task<double> NotificationQueueUsageAsync(CancellationToken cancellationToken);
}
