namespace CacheService.Reading;

/// <summary>A read is not answered; the message says why and what to do.</summary>
internal sealed class ReadRefusedException(ReadRefusal refusal, string message) : Exception(message)
{
    /// <summary>What kind of refusal it is.</summary>
    public ReadRefusal Refusal { get; } = refusal;

    /// <summary>What is asked for no read can have.</summary>
    public static ReadRefusedException BadRequest(string what) => new(ReadRefusal.BadRequest, what);

    /// <summary>There is no such message.</summary>
    public static ReadRefusedException NoSuchMessage(long messageId) => new(ReadRefusal.NoSuchMessage, $"there is no message {messageId}");

    /// <summary>The transaction that a read is to include has not ended in time.</summary>
    public static ReadRefusedException InProgress(ulong xid) =>
        new(ReadRefusal.TransactionInProgress, $"transaction {xid} is still in progress; commit it before you read, or allow more time");

    /// <summary>Days, where the database does not tell them.</summary>
    public static ReadRefusedException NoDays() => new(
        ReadRefusal.NoDays,
        "there are no daily counts, because tweet.activity has no column datetime of type timestamptz or timestamp; as its owner run, where there is no such column: alter table tweet.activity add datetime timestamptz, alter datetime set default now()");

    /// <summary>A read round the cache, by a service that has no database.</summary>
    public static ReadRefusedException NoDatabase() => new(
        ReadRefusal.NoDatabase, "source is READ_SOURCE_DATABASE, and this service follows another one (Feed:Source=Nats) and has no database: leave it out, or ask a service that has");

    /// <summary>A read before the first load.</summary>
    /// <param name="detail">What the feed is doing.</param>
    public static ReadRefusedException NotLoaded(string detail) => new(ReadRefusal.NotLoaded, $"{detail}; try again in a moment");
}

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

    /// <summary>The database does not tell the time of activity.</summary>
    NoDays,

    /// <summary>The service has no database.</summary>
    NoDatabase,

    /// <summary>The transaction has not ended in time.</summary>
    TransactionInProgress,

    /// <summary>The database has not assigned that transaction id.</summary>
    TransactionNeverAssigned,

    /// <summary>As many reads of a stream wait as may.</summary>
    TooManyWaiting,

    /// <summary>There are as many reads that go round the cache as there may be.</summary>
    TooManyDatabaseReads,

    /// <summary>The database works on a read for longer than it may.</summary>
    DatabaseReadTooLong,

    /// <summary>The database was not to be had for a read that goes round the cache.</summary>
    DatabaseUnavailable,
}
