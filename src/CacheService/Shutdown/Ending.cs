namespace CacheService.Shutdown;

/// <summary>Whether the service has been asked to stop. Thread-safe.</summary>
internal sealed class Ending
{
    private volatile bool _hasBegun;

    /// <summary>Raised once it has.</summary>
    public event Action? Begun;

    /// <summary>Whether it has.</summary>
    public bool HasBegun => _hasBegun;

    /// <summary>It has.</summary>
    public void Begin()
    {
        _hasBegun = true;
        Begun?.Invoke();
    }
}
