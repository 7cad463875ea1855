namespace CacheService.Feed;

/// <summary>Reads all counts at one snapshot.</summary>
internal interface ICountsLoader
{
    /// <summary>Loads into the store, replacing what it held.</summary>
    /// <param name="registration">What the change log keeps the changes since for.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>Null; or why nothing was loaded: what the counts were to stand on is not there any more.</returns>
    Task<ReloadReason?> LoadAsync(Registration registration, CancellationToken cancellationToken);
}
