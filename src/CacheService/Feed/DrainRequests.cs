namespace CacheService.Feed;

/// <summary>Reads that wait for a drain: all that come before it starts share it. Thread-safe.</summary>
internal sealed class DrainRequests
{
    private readonly WakeSignal _wake;
    private TaskCompletionSource<bool> _next = NewSource();

    public DrainRequests(WakeSignal wake) => _wake = wake;

    /// <summary>Waits for the first drain that starts after this call.</summary>
    /// <returns>False: that drain failed.</returns>
    public Task<bool> NextDrainAsync()
    {
        var next = Volatile.Read(ref _next).Task;
        _wake.Set(WakeReasons.Request);
        return next;
    }

    /// <summary>A drain starts: whoever asks from now on waits for the one after it.</summary>
    internal TaskCompletionSource<bool> BeginDrain() => Interlocked.Exchange(ref _next, NewSource());

    // Continuations elsewhere: they are requests, and the drain loop has other things to do.
    private static TaskCompletionSource<bool> NewSource() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
