namespace CacheService.Feed;

/// <summary>Wakes the drain loop. Any number may ring; one waits. A signal that nobody waits for is kept.</summary>
internal sealed class WakeSignal : IDisposable
{
    private readonly SemaphoreSlim _signalled = new(0);
    private int _pending;

    /// <summary>Adds reasons to wake up.</summary>
    public void Set(WakeReasons reasons)
    {
        // One release at a time is enough: whoever takes it looks at the reasons afterwards.
        if (Interlocked.Or(ref _pending, (int)reasons) == 0 && _signalled.CurrentCount == 0)
        {
            _signalled.Release();
        }
    }

    /// <summary>Takes the reasons, without waiting. What rings later is kept for the next one who asks.</summary>
    public WakeReasons Take() => (WakeReasons)Interlocked.Exchange(ref _pending, 0);

    /// <summary>Waits until there is a reason, or the time is over. Takes nothing.</summary>
    public async Task WaitAsync(TimeSpan timeout, CancellationToken cancellationToken)
    {
        // Reasons that were taken without waiting leave their release behind: such a one only makes the loop look again.
        while (Volatile.Read(ref _pending) == 0)
        {
            if (!await _signalled.WaitAsync(timeout, cancellationToken))
            {
                return;
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _signalled.Dispose();
}
