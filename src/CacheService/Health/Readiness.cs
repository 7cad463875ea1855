using CacheService.Feed;
using CacheService.Shutdown;

namespace CacheService.Health;

/// <summary>Whether calls should be sent here: while the counts follow the database, and nobody has asked the service to stop. Thread-safe.</summary>
internal sealed class Readiness(FeedStatus feed, Ending ending) : IServingStatus
{
    /// <inheritdoc/>
    public bool IsServing => !ending.HasBegun && feed.IsServing;
}
