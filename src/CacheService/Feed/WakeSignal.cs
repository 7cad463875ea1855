using CacheService.Concurrency;

namespace CacheService.Feed;

/// <summary>Wakes the drain loop, with reasons. Any number may ring; one waits. A reason that nobody waits for is kept.</summary>
internal sealed class WakeSignal : IDisposable
{
    private readonly Signal _signal = new();
    private int _pending;

    /// <summary>Adds reasons to wake up.</summary>
    public void Set(WakeReasons reasons)
    {
        if (Interlocked.Or(ref _pending, (int)reasons) == 0)
        {
            _signal.Set();
        }
    }

    /// <summary>Takes the reasons, without waiting. What rings later is kept for the next one who asks.</summary>
    public WakeReasons Take() => (WakeReasons)Interlocked.Exchange(ref _pending, 0);

    /// <summary>Whether there is a reason to wake up.</summary>
    public bool IsSet => Volatile.Read(ref _pending) != 0;

    /// <summary>Whether one reason to wake up is this.</summary>
    public bool Has(WakeReasons reason) => (Volatile.Read(ref _pending) & (int)reason) != 0;

    /// <summary>Waits until there is a reason, or the time is over. Takes nothing.</summary>
    public void Wait(TimeSpan timeout, CancellationToken cancellationToken)
    {
        // Reasons that were taken without waiting leave their signal behind: such a one only makes the loop look again.
        while (!IsSet)
        {
            if (!_signal.Wait(timeout, cancellationToken))
            {
                return;
            }
        }
    }

    /// <summary>As <see cref="Wait"/>, for one who has no thread to itself.</summary>
    public async Task WhenSetAsync(TimeSpan timeout, CancellationToken cancellationToken)
    {
        while (!IsSet)
        {
            if (!await _signal.WaitAsync(timeout, cancellationToken))
            {
                return;
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _signal.Dispose();
}

/// <summary>Why the drain loop is woken.</summary>
[Flags]
internal enum WakeReasons
{
    None = 0,

    /// <summary>A writer found the cache asleep.</summary>
    Bell = 1,

    /// <summary>A read waits for a drain.</summary>
    Request = 2,

    /// <summary>The session with the database has a fault.</summary>
    Fault = 4,

    /// <summary>The ringer found changes.</summary>
    Changed = 8,
}
