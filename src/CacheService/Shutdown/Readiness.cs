using CacheService.Feed;
using CacheService.Health;

namespace CacheService.Shutdown;

/// <summary>Whether calls should be sent here: while the counts follow the database, and nobody has asked the service to stop. Thread-safe.</summary>
internal sealed class Readiness(FeedStatus feed) : IServingStatus
{
    private volatile bool _isEnding;

    /// <summary>Whether the service has been asked to stop.</summary>
    public bool IsEnding => _isEnding;

    /// <inheritdoc/>
    public bool IsServing => !_isEnding && feed.IsServing;

    /// <summary>The service has been asked to stop.</summary>
    public void BeginEnd() => _isEnding = true;
}
