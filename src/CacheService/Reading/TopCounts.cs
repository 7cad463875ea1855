using CacheService.Concurrency;
using CacheService.Counts;
using Microsoft.Extensions.Options;

namespace CacheService.Reading;

/// <summary>
/// The messages with the highest counts; a scan is kept for a moment, but not beyond a load: what was wrong before it, nobody must be told as right after it.
/// Thread-safe.
/// </summary>
internal sealed class TopCounts(CountsStore store, IOptions<LimitsOptions> limits) : IDisposable
{
    // Room for those of an earlier epoch too, which expire.
    private readonly SingleFlightCache<(TopOrder Order, string? Epoch), TopList> _cache = new(4 * Enum.GetValues<TopOrder>().Length, limits.Value.TopCountsExpiration);

    /// <summary>The highest counts, as many as a request may ask for.</summary>
    public Task<TopList> GetAsync(TopOrder order, CancellationToken cancellationToken) =>
        _cache.GetAsync((order, store.Version?.Epoch), ScanAsync, cancellationToken);

    /// <inheritdoc/>
    public void Dispose() => _cache.Dispose();

    private Task<TopList> ScanAsync((TopOrder Order, string? Epoch) key, CancellationToken cancellationToken)
    {
        var version = store.ReadTop(key.Order, limits.Value.MaxTopCounts, out var messages);
        return Task.FromResult(new TopList(version ?? throw new InvalidOperationException("Nothing is loaded yet."), messages));
    }
}

/// <summary>The messages with the highest counts, highest first, and the version they are of.</summary>
internal sealed record TopList(CountsVersion Version, IReadOnlyList<CountedMessage> Messages);
