namespace CacheService.Import;

/// <summary>What the transactions of an import are told first.</summary>
internal static class TransactionSettings
{
    /// <summary>
    /// A lock is waited for more briefly than the server waits before it looks for a deadlock: of two that are in each other's way, an import and another transaction, the import gives way. No
    /// commit waits for the disk: how far an import has got is kept in the same transaction as what it did, so that both are there after a crash, or neither is.
    /// </summary>
    public const string Sql = $"set local lock_timeout = '50ms'; {Others}";

    /// <summary>The same for one row, which is not tried again by itself: it may wait for longer, and still gives way before the server looks for a deadlock.</summary>
    public const string OfOneRowSql = $"set local lock_timeout = '800ms'; {Others}";

    private const string Others = "set local synchronous_commit = off; set local jit = off; set local max_parallel_workers_per_gather = 0";
}
