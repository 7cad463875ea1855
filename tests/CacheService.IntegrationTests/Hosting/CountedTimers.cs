using Microsoft.Extensions.Time.Testing;

namespace CacheService.IntegrationTests.Hosting;

/// <summary>A clock that only a test moves, and that tells how many timers it has been asked for: somebody who waits by it has one.</summary>
internal sealed class CountedTimers : FakeTimeProvider
{
    private int _count;

    /// <summary>How many timers have been made.</summary>
    public int Count => Volatile.Read(ref _count);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = base.CreateTimer(callback, state, dueTime, period);
        Interlocked.Increment(ref _count);
        return timer;
    }
}
