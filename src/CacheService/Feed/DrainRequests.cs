namespace CacheService.Feed;

/// <summary>Reads that wait for a drain: all that come before it starts share it. Thread-safe.</summary>
internal sealed class DrainRequests(WakeSignal wake)
{
    private readonly Lock _asking = new();
    private TaskCompletionSource<bool> _next = NewSource();
    private bool _isAsked;

    /// <summary>Waits for the first drain that starts after this call.</summary>
    /// <returns>False: that drain failed.</returns>
    public Task<bool> NextDrainAsync()
    {
        Task<bool> next;
        lock (_asking)
        {
            _isAsked = true;
            next = _next.Task;
        }

        wake.Set(WakeReasons.Request);
        return next;
    }

    /// <summary>A drain starts: whoever asks from now on waits for the one after it.</summary>
    /// <param name="isAsked">Whether anybody waits for this one.</param>
    internal TaskCompletionSource<bool> BeginDrain(out bool isAsked)
    {
        var next = NewSource();
        lock (_asking)
        {
            (next, _next) = (_next, next);
            (isAsked, _isAsked) = (_isAsked, false);
        }

        return next;
    }

    // Continuations elsewhere: they are requests, and the drain loop has other things to do.
    private static TaskCompletionSource<bool> NewSource() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
