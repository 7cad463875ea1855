using CacheService.Health;

namespace CacheService.IntegrationTests.Health;

internal sealed class SwitchableStatus : IServingStatus
{
    private volatile bool _isServing;

    public bool IsServing
    {
        get => _isServing;
        set => _isServing = value;
    }
}
