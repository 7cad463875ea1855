namespace CacheService.Concurrency;

/// <summary>Wakes one who waits. Any number may set it; a signal that nobody waits for is kept; several are one.</summary>
internal sealed class Signal : IDisposable
{
    private readonly SemaphoreSlim _set = new(0);

    /// <summary>Sets the signal. What was written before is seen by whoever is woken by it.</summary>
    public void Set()
    {
        // What the caller has written must be visible before the count is read: else a waiter that takes the signal now could miss it.
        Interlocked.MemoryBarrier();

        // One release at a time is enough. Two that race leave two, which wakes the waiter once for nothing.
        if (_set.CurrentCount == 0)
        {
            _set.Release();
        }
    }

    /// <summary>Waits until the signal is set, and takes it.</summary>
    /// <returns>False: the time is over.</returns>
    public Task<bool> WaitAsync(TimeSpan timeout, CancellationToken cancellationToken) => _set.WaitAsync(timeout, cancellationToken);

    /// <summary>As <see cref="WaitAsync"/>, for a thread that has nothing else to do.</summary>
    public bool Wait(TimeSpan timeout, CancellationToken cancellationToken) => _set.Wait(timeout, cancellationToken);

    /// <inheritdoc/>
    public void Dispose() => _set.Dispose();
}
