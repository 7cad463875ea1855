namespace CacheService.Health;

/// <summary>Whether the service can be relied on right now.</summary>
internal interface IServingStatus
{
    /// <summary>Raised when <see cref="IsServing"/> may have changed, on any thread.</summary>
    event Action? Changed;

    /// <summary>True while the counts follow the database.</summary>
    bool IsServing { get; }
}
