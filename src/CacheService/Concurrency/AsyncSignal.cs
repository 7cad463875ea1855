using System.Threading.Tasks.Sources;

namespace CacheService.Concurrency;

/// <summary>A <see cref="Signal"/> for one who waits again and again, of whom there are thousands: a wait allocates nothing, and holds nothing but this.</summary>
internal sealed class AsyncSignal : IValueTaskSource<bool>, IDisposable
{
    private const int Idle = 0;
    private const int IsSet = 1;
    private const int IsAwaited = 2;

    private ManualResetValueTaskSourceCore<bool> _wait = new() { RunContinuationsAsynchronously = true };
    private ITimer? _timer;
    private int _state;

    /// <summary>Sets the signal. What was written before is seen by whoever is woken by it.</summary>
    public void Set()
    {
        // What the caller has written must be visible before the state is read: else a waiter that takes the signal now could miss it.
        Interlocked.MemoryBarrier();
        while (Volatile.Read(ref _state) is var state and not IsSet)
        {
            if (Interlocked.CompareExchange(ref _state, state == IsAwaited ? Idle : IsSet, state) == state)
            {
                if (state == IsAwaited)
                {
                    _wait.SetResult(true);
                }

                return;
            }
        }
    }

    /// <summary>Takes the signal, if it is set.</summary>
    public bool TryTake() => Interlocked.CompareExchange(ref _state, Idle, IsSet) == IsSet;

    /// <summary>Waits until the signal is set, and takes it. One at a time may wait, and has to await this once.</summary>
    /// <param name="timeout">How long at most; whole milliseconds, rounded up.</param>
    /// <param name="time">Measures it.</param>
    /// <returns>False: the time is over, or that of an earlier wait.</returns>
    public ValueTask<bool> WaitAsync(TimeSpan timeout, TimeProvider time)
    {
        if (TryTake())
        {
            return new ValueTask<bool>(true);
        }

        if (timeout == TimeSpan.Zero)
        {
            return new ValueTask<bool>(false);
        }

        _wait.Reset();
        if (Interlocked.CompareExchange(ref _state, IsAwaited, Idle) != Idle)
        {
            // Set just now.
            Interlocked.Exchange(ref _state, Idle);
            return new ValueTask<bool>(true);
        }

        if (timeout != Timeout.InfiniteTimeSpan)
        {
            _timer ??= time.CreateTimer(static signal => ((AsyncSignal)signal!).EndWait(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            _timer.Change(TimeSpan.FromMilliseconds(Math.Ceiling(timeout.TotalMilliseconds)), Timeout.InfiniteTimeSpan);
        }

        return new ValueTask<bool>(this, _wait.Version);
    }

    /// <summary>Ends the timer. The signal may still be set, and nobody is woken by it.</summary>
    public void Dispose() => _timer?.Dispose();

    bool IValueTaskSource<bool>.GetResult(short token) => _wait.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<bool>.GetStatus(short token) => _wait.GetStatus(token);

    void IValueTaskSource<bool>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _wait.OnCompleted(continuation, state, token, flags);

    private void EndWait()
    {
        if (Interlocked.CompareExchange(ref _state, Idle, IsAwaited) == IsAwaited)
        {
            _wait.SetResult(false);
        }
    }
}
