namespace CacheService.Reading;

/// <summary>Why a read is not answered.</summary>
internal enum ReadRefusal
{
    /// <summary>It asks for what no read can have: an id below 1, too many ids, a limit or a duration out of its range.</summary>
    BadRequest,

    /// <summary>Nothing is loaded yet.</summary>
    NotLoaded,

    /// <summary>There is no such message.</summary>
    NoSuchMessage,

    /// <summary>The message's text is longer than what is read into memory and sent.</summary>
    TextTooLong,

    /// <summary>The feed did not drain in time.</summary>
    FeedUnavailable,

    /// <summary>The transaction has not ended in time.</summary>
    TransactionInProgress,

    /// <summary>The database has not assigned that transaction id.</summary>
    TransactionNeverAssigned,
}
