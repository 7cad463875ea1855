using System.Collections.Concurrent;

namespace CacheService.IntegrationTests.Hosting;

/// <summary>A clock whose timers fire when a test says so.</summary>
internal sealed class ManualTimeProvider : TimeProvider
{
    private readonly ConcurrentDictionary<Timer, byte> _timers = [];

    /// <summary>The periods of the timers that have not been disposed.</summary>
    public IEnumerable<TimeSpan> Periods => _timers.Keys.Select(timer => timer.Period);

    /// <summary>Completes when a timer, any timer, is disposed.</summary>
    public TaskCompletionSource TimerDisposed { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Fires every timer once.</summary>
    public void Tick()
    {
        foreach (var timer in _timers.Keys)
            timer.Fire();
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new Timer(this, () => callback(state), period);
        _timers.TryAdd(timer, 0);
        return timer;
    }

    private sealed class Timer : ITimer
    {
        private readonly ManualTimeProvider _owner;

        public Timer(ManualTimeProvider owner, Action fire, TimeSpan period)
        {
            _owner = owner;
            Fire = fire;
            Period = period;
        }

        public Action Fire { get; }

        public TimeSpan Period { get; private set; }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            Period = period;
            return true;
        }

        public void Dispose()
        {
            if (_owner._timers.TryRemove(this, out _))
                _owner.TimerDisposed.TrySetResult();
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
