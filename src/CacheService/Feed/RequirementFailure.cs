namespace CacheService.Feed;

/// <summary>Why a read's requirement is not met.</summary>
internal enum RequirementFailure
{
    /// <summary>The feed did not drain in time.</summary>
    FeedUnavailable,

    /// <summary>The transaction has not ended in time.</summary>
    TransactionInProgress,

    /// <summary>The database has not assigned that transaction id.</summary>
    TransactionNeverAssigned,
}
