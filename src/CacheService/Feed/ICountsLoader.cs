namespace CacheService.Feed;

/// <summary>Reads all counts at one snapshot.</summary>
internal interface ICountsLoader
{
    /// <summary>
    /// Why the counts cannot be taken from what was written back to the database, with the changes since; null if they can. If so, all changes since were recorded, those of
    /// running transactions included.
    /// </summary>
    Task<string?> WhyCountAsync(CancellationToken cancellationToken);

    /// <summary>What was written back is not to be trusted: it is to be counted afresh.</summary>
    Task DropRollupAsync(CancellationToken cancellationToken);

    /// <summary>Loads into the store, replacing what it held.</summary>
    /// <param name="registration">What the change log keeps the changes since for.</param>
    /// <param name="counts">Whether all activity is to be counted; false: the counts that were written back are read, with the changes since.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>Null; or why nothing was loaded: what the counts were to stand on is not there any more.</returns>
    Task<ReloadReason?> LoadAsync(Registration registration, bool counts, CancellationToken cancellationToken);
}
