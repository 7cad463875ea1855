using System.Collections.Concurrent;
using Microsoft.Extensions.Caching.Memory;

namespace CacheService.Caching;

/// <summary>
/// A bounded, expiring cache that loads a key once however many ask for it at the same time. A load that fails is told to all who wait for it,
/// and is not kept; nor is a null, since what is not there may come. Thread-safe.
/// </summary>
internal sealed class SingleFlightCache<TKey, TValue>(int capacity, TimeSpan expiration) : IDisposable
    where TKey : notnull
{
    private readonly MemoryCache _cache = new(new MemoryCacheOptions { SizeLimit = capacity });
    private readonly ConcurrentDictionary<TKey, Task<TValue>> _loading = new();

    /// <summary>The value of a key, from the cache or by a load. The load goes on if this caller gives up: others may wait for it.</summary>
    public Task<TValue> GetAsync(TKey key, Func<TKey, Task<TValue>> load, CancellationToken cancellationToken)
    {
        if (_cache.TryGetValue(key, out var cached))
        {
            return Task.FromResult((TValue)cached!);
        }

        // Continuations elsewhere: those who wait must not hold up the load's own end.
        var started = new TaskCompletionSource<TValue>(TaskCreationOptions.RunContinuationsAsynchronously);
        var loading = _loading.GetOrAdd(key, started.Task);
        if (loading == started.Task)
        {
            _ = LoadAsync(key, load, started);
        }

        return loading.WaitAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public void Dispose() => _cache.Dispose();

    private async Task LoadAsync(TKey key, Func<TKey, Task<TValue>> load, TaskCompletionSource<TValue> loading)
    {
        try
        {
            var value = await load(key);
            if (value is not null)
            {
                _cache.Set(key, value, new MemoryCacheEntryOptions { Size = 1, AbsoluteExpirationRelativeToNow = expiration });
            }

            _loading.TryRemove(key, out _);
            loading.SetResult(value);
        }
        catch (Exception e)
        {
            _loading.TryRemove(key, out _);
            loading.SetException(e);
        }
    }
}
