using CacheService.LoadTests.Measuring;

namespace CacheService.LoadTests;

/// <summary>A part of the load test: makes its own database, measures, compares the cache with the view, and leaves nothing.</summary>
internal interface ILoadPart
{
    string Name { get; }

    string Title { get; }

    Task RunAsync(LoadTestContext context, PartResult result, CancellationToken cancellationToken);
}
