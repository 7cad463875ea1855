using System.Collections.Concurrent;
using Microsoft.Extensions.Caching.Memory;

namespace CacheService.Concurrency;

/// <summary>
/// A bounded, expiring cache that loads a key once however many ask for it at the same time. A load that fails is told to all who wait for it,
/// and is not kept; nor is a null, because what is not there may come. Thread-safe.
/// </summary>
internal sealed class SingleFlightCache<TKey, TValue>(int capacity, TimeSpan expiration) : IDisposable
    where TKey : notnull
{
    private readonly MemoryCache _cache = new(new MemoryCacheOptions { SizeLimit = capacity });
    private readonly ConcurrentDictionary<TKey, Flight> _loading = new();

    /// <summary>The value of a key, from the cache or by a load. The load goes on if this caller gives up, unless all have: then it is cancelled.</summary>
    public async Task<TValue> GetAsync(TKey key, Func<TKey, CancellationToken, Task<TValue>> load, CancellationToken cancellationToken)
    {
        if (_cache.TryGetValue(key, out var cached))
        {
            return (TValue)cached!;
        }

        Flight flight;
        while (true)
        {
            var started = new Flight(new CancellationTokenSource());
            flight = _loading.GetOrAdd(key, started);
            if (flight == started)
            {
                _ = LoadAsync(key, load, flight);
                break;
            }

            if (flight.TryJoin())
            {
                break;
            }

            // Given up by all, and about to go: nobody may be told of its cancellation who did not ask for it.
            _loading.TryRemove(KeyValuePair.Create(key, flight));
        }

        try
        {
            return await flight.Result.WaitAsync(cancellationToken);
        }
        finally
        {
            flight.Leave();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _cache.Dispose();

    private async Task LoadAsync(TKey key, Func<TKey, CancellationToken, Task<TValue>> load, Flight flight)
    {
        try
        {
            var value = await load(key, flight.Abandoned);
            if (value is not null)
            {
                _cache.Set(key, value, new MemoryCacheEntryOptions { Size = 1, AbsoluteExpirationRelativeToNow = expiration });
            }

            _loading.TryRemove(KeyValuePair.Create(key, flight));
            flight.End(value);
        }
        catch (Exception e)
        {
            _loading.TryRemove(KeyValuePair.Create(key, flight));
            flight.Fail(e);
        }
    }

    /// <summary>A load under way, and how many wait for it.</summary>
    private sealed class Flight(CancellationTokenSource abandoned)
    {
        // Continuations elsewhere: those who wait must not hold up the load's own end.
        private readonly TaskCompletionSource<TValue> _result = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _waiting = 1;

        public Task<TValue> Result => _result.Task;

        public CancellationToken Abandoned => abandoned.Token;

        /// <summary>False: all have left.</summary>
        public bool TryJoin()
        {
            var waiting = Volatile.Read(ref _waiting);
            while (waiting > 0)
            {
                var before = Interlocked.CompareExchange(ref _waiting, waiting + 1, waiting);
                if (before == waiting)
                {
                    return true;
                }

                waiting = before;
            }

            return false;
        }

        public void Leave()
        {
            if (Interlocked.Decrement(ref _waiting) == 0 && !_result.Task.IsCompleted)
            {
                // Not on the thread of whoever left last.
                _ = abandoned.CancelAsync();
            }
        }

        public void End(TValue value) => _result.SetResult(value);

        public void Fail(Exception error)
        {
            _result.SetException(error);
            // Nobody may be left to look at it.
            _ = _result.Task.Exception;
        }
    }
}
