using CacheService.Concurrency;

namespace CacheService.Feed;

/// <summary>The consumers in the change log's books, as they were a moment ago: however many ask, the database is asked once a second. Thread-safe.</summary>
internal sealed class ConsumerList(IConsumerBook book) : IDisposable
{
    private const string All = "";

    private static readonly TimeSpan Expiration = TimeSpan.FromSeconds(1);

    private readonly SingleFlightCache<string, IReadOnlyList<ConsumerEntry>> _cache = new(capacity: 1, Expiration);

    /// <summary>All of them, by name.</summary>
    public Task<IReadOnlyList<ConsumerEntry>> GetAsync(CancellationToken cancellationToken) => _cache.GetAsync(All, (_, loading) => book.ListAsync(loading), cancellationToken);

    /// <inheritdoc/>
    public void Dispose() => _cache.Dispose();
}
