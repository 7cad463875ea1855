namespace CacheService.Tool.Simulation;

/// <summary>
/// Hands out the turns to write. Turn n is due n/rate after the start, however late the earlier ones were taken, so
/// the rate does not drift. Whoever falls far behind loses turns instead of getting them in a burst.
/// Safe for use by several clients at a time.
/// </summary>
internal sealed class Pacer(double rate, TimeSpan? duration, TimeProvider time)
{
    // Long enough for a pause of the garbage collector or a slow commit, too short to be seen as a burst.
    internal static readonly TimeSpan MaxLag = TimeSpan.FromMilliseconds(250);

    private readonly Lock _lock = new();
    private readonly long _start = time.GetTimestamp();
    private long _nextTurn;
    private long _leftOut;

    /// <summary>Turns that were lost because nobody came to take them in time.</summary>
    public long LeftOut
    {
        get
        {
            lock (_lock)
                return _leftOut;
        }
    }

    /// <summary>Waits for the next turn; false at the end of the schedule.</summary>
    public async ValueTask<bool> WaitForTurnAsync(CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        if (!TryTakeTurn(out var wait))
            return false;

        if (wait > TimeSpan.Zero)
            await Task.Delay(wait, time, cancellation);
        return true;
    }

    /// <summary>Takes the next turn, which is due after the wait; false at the end of the schedule.</summary>
    internal bool TryTakeTurn(out TimeSpan wait)
    {
        lock (_lock)
        {
            var now = time.GetElapsedTime(_start);
            var lag = now - Due(_nextTurn);
            if (lag > MaxLag)
            {
                var missed = Math.Min((long)(lag.TotalSeconds * rate), TurnsLeft());
                _nextTurn += missed;
                _leftOut += missed;
            }

            var due = Due(_nextTurn);
            wait = due > now ? due - now : TimeSpan.Zero;
            if (TurnsLeft() <= 0)
                return false;
            _nextTurn++;
            return true;
        }
    }

    private long TurnsLeft() => duration is { } length ? (long)Math.Ceiling(length.TotalSeconds * rate) - _nextTurn : long.MaxValue;

    private TimeSpan Due(long turn) => TimeSpan.FromSeconds(turn / rate);
}
