namespace CacheService.Feed;

/// <summary>Why the service cannot run at all, found after it started. Reporting it stops the service.</summary>
internal sealed class StartFailure(IHostApplicationLifetime lifetime)
{
    private volatile string? _reason;

    /// <summary>The reason, in one line; null if there is none.</summary>
    public string? Reason => _reason;

    /// <summary>Notes the reason and stops the service.</summary>
    public void Report(string reason)
    {
        _reason = reason;
        lifetime.StopApplication();
    }
}
