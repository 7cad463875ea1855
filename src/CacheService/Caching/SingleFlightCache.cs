using System.Collections.Concurrent;
using Microsoft.Extensions.Caching.Memory;

namespace CacheService.Caching;

/// <summary>
/// A bounded, expiring cache that loads a key once however many ask for it at the same time. A load that fails is not kept, and is told to all
/// who wait for it. Thread-safe.
/// </summary>
public sealed class SingleFlightCache<TKey, TValue>(int capacity, TimeSpan expiration) : IDisposable
    where TKey : notnull
{
    private readonly MemoryCache _cache = new(new MemoryCacheOptions { SizeLimit = capacity });
    private readonly ConcurrentDictionary<TKey, Lazy<Task<TValue>>> _loading = new();

    /// <summary>The value of a key, from the cache or by a load. The load goes on if this caller gives up: others may wait for it.</summary>
    public Task<TValue> GetAsync(TKey key, Func<TKey, Task<TValue>> load, CancellationToken cancellationToken)
    {
        if (_cache.TryGetValue(key, out var cached))
        {
            return Task.FromResult((TValue)cached!);
        }

        // Lazy, since GetOrAdd may call its factory for several callers and keep only one.
        var loading = _loading.GetOrAdd(key, static (k, arguments) => new Lazy<Task<TValue>>(() => arguments.Cache.LoadAsync(k, arguments.Load)), (Cache: this, Load: load));
        return loading.Value.WaitAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public void Dispose() => _cache.Dispose();

    private async Task<TValue> LoadAsync(TKey key, Func<TKey, Task<TValue>> load)
    {
        // Yield first: a load that ended at once would be taken out of _loading before it is in.
        await Task.Yield();
        try
        {
            var value = await load(key);
            _cache.Set(key, value, new MemoryCacheEntryOptions { Size = 1, AbsoluteExpirationRelativeToNow = expiration });
            return value;
        }
        finally
        {
            _loading.TryRemove(key, out _);
        }
    }
}
