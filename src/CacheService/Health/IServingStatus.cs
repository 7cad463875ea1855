namespace CacheService.Health;

/// <summary>Whether the service can be relied on right now.</summary>
internal interface IServingStatus
{
    /// <summary>True while the counts follow the database.</summary>
    bool IsServing { get; }
}
