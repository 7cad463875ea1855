using CacheService.Caching;
using Microsoft.Extensions.Options;

namespace CacheService.Counts;

/// <summary>The messages with the highest counts; a scan is kept for a moment. Thread-safe.</summary>
internal sealed class TopCounts(CountsStore store, IOptions<LimitsOptions> limits) : IDisposable
{
    private readonly SingleFlightCache<TopOrder, TopList> _cache = new(Enum.GetValues<TopOrder>().Length, limits.Value.TopCountsExpiration);

    /// <summary>The highest counts, as many as a request may ask for.</summary>
    public Task<TopList> GetAsync(TopOrder order, CancellationToken cancellationToken) => _cache.GetAsync(order, ScanAsync, cancellationToken);

    /// <inheritdoc/>
    public void Dispose() => _cache.Dispose();

    private Task<TopList> ScanAsync(TopOrder order, CancellationToken cancellationToken)
    {
        var version = store.ReadTop(order, limits.Value.MaxTopCounts, out var messages);
        return Task.FromResult(new TopList(version ?? throw new InvalidOperationException("Nothing is loaded yet."), messages));
    }
}
