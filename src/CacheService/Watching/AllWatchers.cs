using System.Collections.Concurrent;

namespace CacheService.Watching;

/// <summary>
/// The subscriptions of everything, which each change wakes: together, so that they share what they tell, and with pauses that grow with their number, so that
/// they leave the most of a processor to others however fast the changes come. A pause delays what is told, and nothing else. Thread-safe.
/// </summary>
internal sealed class AllWatchers : IDisposable
{
    /// <summary>Some four times what it costs to tell one of them something. For a hundred of them it is four milliseconds.</summary>
    private static readonly TimeSpan PauseForEach = TimeSpan.FromMicroseconds(40);

    private static readonly TimeSpan LongestPause = TimeSpan.FromMilliseconds(250);

    private readonly ConcurrentDictionary<Subscription, bool> _subscriptions = new();
    private readonly TimeProvider _time;
    private readonly ITimer _pause;
    private readonly Lock _gate = new();
    private long _lastWake;
    private bool _isPausing;

    public AllWatchers(TimeProvider time)
    {
        _time = time;
        _pause = time.CreateTimer(_ => EndPause(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Whether there are none.</summary>
    public bool IsEmpty => _subscriptions.IsEmpty;

    public void Add(Subscription subscription) => _subscriptions[subscription] = true;

    public void Remove(Subscription subscription) => _subscriptions.TryRemove(subscription, out _);

    /// <summary>Something has been published: wakes them, now or at the end of the pause.</summary>
    public void Wake()
    {
        if (IsEmpty)
        {
            return;
        }

        lock (_gate)
        {
            if (_isPausing)
            {
                return;
            }

            var pause = PauseForEach * _subscriptions.Count;
            var left = (pause < LongestPause ? pause : LongestPause) - _time.GetElapsedTime(_lastWake);
            if (left > TimeSpan.Zero)
            {
                _isPausing = true;
                // Timers know whole milliseconds, and a shorter pause would be none.
                _pause.Change(TimeSpan.FromMilliseconds(Math.Ceiling(left.TotalMilliseconds)), Timeout.InfiniteTimeSpan);
                return;
            }

            _lastWake = _time.GetTimestamp();
        }

        SetAll();
    }

    /// <inheritdoc/>
    public void Dispose() => _pause.Dispose();

    private void EndPause()
    {
        lock (_gate)
        {
            (_isPausing, _lastWake) = (false, _time.GetTimestamp());
        }

        SetAll();
    }

    private void SetAll()
    {
        foreach (var (subscription, _) in _subscriptions)
        {
            subscription.Signal.Set();
        }
    }
}
