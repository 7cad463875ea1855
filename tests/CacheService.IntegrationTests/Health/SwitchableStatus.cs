using CacheService.Health;

namespace CacheService.IntegrationTests.Health;

internal sealed class SwitchableStatus : IServingStatus
{
    private volatile bool _isServing;

    public event Action? Changed;

    public bool IsServing
    {
        get => _isServing;
        set
        {
            _isServing = value;
            Raise();
        }
    }

    /// <summary>It may have changed, and has not.</summary>
    public void Raise() => Changed?.Invoke();
}
