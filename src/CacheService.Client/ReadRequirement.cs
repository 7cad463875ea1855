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

    internal sealed record StrongRead : ReadRequirement;

    internal sealed record MaxAgeRead(TimeSpan Age) : ReadRequirement;

    internal sealed record AtLeastXidRead(ulong TransactionId) : ReadRequirement;
}
