namespace CacheService.Health;

/// <summary>Whether the service can do its work. Read often and from many threads; may change by the passing of time alone.</summary>
internal interface IServingStatus
{
    /// <summary>Whether requests are welcome.</summary>
    bool IsServing { get; }
}
