namespace CacheService.Client;

/// <summary>
/// What a read asks for beyond "the cache as it is". While the server's feed is down such a read waits until its deadline and ends in
/// UNAVAILABLE, never in an answer that does not meet it.
/// </summary>
public abstract record ReadRequirement
{
    private ReadRequirement()
    {
    }

    /// <summary>Includes everything committed before the request arrived at the server.</summary>
    public static ReadRequirement Strong { get; } = new StrongRead();

    /// <summary>Includes everything committed longer ago than this.</summary>
    /// <param name="age">Above zero.</param>
    public static ReadRequirement MaxAge(TimeSpan age) => new MaxAgeRead(age);

    /// <summary>Includes that transaction: read your own write.</summary>
    /// <param name="transactionId">What <c>select pg_current_xact_id()</c> said within it.</param>
    public static ReadRequirement AtLeastXid(ulong transactionId) => new AtLeastXidRead(transactionId);

    /// <summary>
    /// Goes round the server's cache, to the database's tables, and includes everything committed before the request arrived at the server. It needs no feed, costs the
    /// database as much as the messages have activity, and is limited: RESOURCE_EXHAUSTED. Where its counts are not those of the cache, that alone
    /// proves nothing, because its snapshot is a later one: <see cref="TweetCountsClient.AuditNowAsync"/> compares the two.
    /// </summary>
    public static ReadRequirement FromDatabase { get; } = new StrongRead { GoesRoundTheCache = true };

    /// <summary>Includes that transaction, and goes round the server's cache: see <see cref="FromDatabase"/>.</summary>
    /// <param name="transactionId">What <c>select pg_current_xact_id()</c> said within it.</param>
    public static ReadRequirement AtLeastXidFromDatabase(ulong transactionId) => new AtLeastXidRead(transactionId) { GoesRoundTheCache = true };

    internal bool GoesRoundTheCache { get; private init; }

    internal sealed record StrongRead : ReadRequirement;

    internal sealed record MaxAgeRead(TimeSpan Age) : ReadRequirement;

    internal sealed record AtLeastXidRead(ulong TransactionId) : ReadRequirement;
}
