namespace CacheService.Reading;

/// <summary>What the database knows of transaction ids.</summary>
internal interface ITransactionIds
{
    /// <summary>Whether it has given that id to a transaction which it still remembers, as it does every one that is in progress.</summary>
    Task<bool> IsAssignedAsync(ulong xid, CancellationToken cancellationToken);
}
