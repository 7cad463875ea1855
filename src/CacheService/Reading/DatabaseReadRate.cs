using System.Threading.RateLimiting;

namespace CacheService.Reading;

/// <summary>How many reads may go round the cache: <see cref="LimitsOptions.DatabaseReadsPerSecond"/>. Thread-safe.</summary>
internal sealed class DatabaseReadRate : IDisposable
{
    private readonly int _perSecond;
    private readonly TokenBucketRateLimiter? _bucket;

    /// <param name="perSecond">So many; 0: none.</param>
    public DatabaseReadRate(int perSecond)
    {
        _perSecond = perSecond;

        // A bucket holds a second's reads. It is filled when it is found empty: no timer, and nothing to do where nobody reads like that.
        _bucket = perSecond == 0 ? null : new TokenBucketRateLimiter(new TokenBucketRateLimiterOptions
        {
            TokenLimit = perSecond,
            TokensPerPeriod = perSecond,
            ReplenishmentPeriod = TimeSpan.FromSeconds(1),
            AutoReplenishment = false,
        });
    }

    /// <summary>Lets one read pass.</summary>
    /// <exception cref="ReadRefusedException">There are too many.</exception>
    public void Pass()
    {
        if (_bucket is null)
        {
            throw new ReadRefusedException(
                ReadRefusal.TooManyDatabaseReads, "reads that go round the cache are switched off (Limits:DatabaseReadsPerSecond = 0); read the cache, without source");
        }

        if (!TryTake(_bucket) && !(_bucket.TryReplenish() && TryTake(_bucket)))
        {
            throw new ReadRefusedException(
                ReadRefusal.TooManyDatabaseReads,
                $"more than {_perSecond} reads a second go round the cache (Limits:DatabaseReadsPerSecond); try again in a second, ask for several messages in one call, or read the cache, without source");
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _bucket?.Dispose();

    private static bool TryTake(TokenBucketRateLimiter bucket)
    {
        using var lease = bucket.AttemptAcquire();
        return lease.IsAcquired;
    }
}
