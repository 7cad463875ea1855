using CacheService.Concurrency;

namespace CacheService.Feed;

/// <summary>The caches of the database, as they were a moment ago: however many ask, those who know them are asked once a second. Thread-safe.</summary>
internal sealed class CacheList(IEnumerable<ICacheLister> listers) : IDisposable
{
    private const string All = "";

    private static readonly TimeSpan Expiration = TimeSpan.FromSeconds(1);

    private readonly SingleFlightCache<string, IReadOnlyList<CacheEntry>> _cache = new(capacity: 1, Expiration);

    /// <summary>All of them, by name.</summary>
    public Task<IReadOnlyList<CacheEntry>> GetAsync(CancellationToken cancellationToken) => _cache.GetAsync(All, (_, loading) => ListAsync(loading), cancellationToken);

    /// <inheritdoc/>
    public void Dispose() => _cache.Dispose();

    private async Task<IReadOnlyList<CacheEntry>> ListAsync(CancellationToken cancellationToken)
    {
        var lists = await Task.WhenAll(listers.Select(lister => lister.ListAsync(cancellationToken)));
        return [.. lists.SelectMany(list => list).OrderBy(entry => entry.Name, StringComparer.Ordinal)];
    }
}
