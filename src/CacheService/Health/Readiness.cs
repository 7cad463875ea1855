using CacheService.Feed;
using CacheService.Shutdown;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace CacheService.Health;

/// <summary>Whether calls should be sent here: while the counts follow the database, and nobody has asked the service to stop. Thread-safe.</summary>
internal sealed class Readiness : IServingStatus, IHealthCheck
{
    private readonly FeedStatus _feed;
    private readonly Ending _ending;

    public Readiness(FeedStatus feed, Ending ending)
    {
        _feed = feed;
        _ending = ending;
        _feed.StateChanged += () => Changed?.Invoke();
        _ending.Begun += () => Changed?.Invoke();
    }

    /// <inheritdoc/>
    public event Action? Changed;

    /// <inheritdoc/>
    public bool IsServing => !_ending.HasBegun && _feed.IsServing;

    /// <summary>The same in words that are for everybody: the state's name, or what has to be mended; or "stopping".</summary>
    public string Words => _ending.HasBegun ? "stopping" : WordsOf(_feed.Condition);

    /// <summary>Both.</summary>
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        if (_ending.HasBegun)
        {
            return Task.FromResult(HealthCheckResult.Unhealthy(Words));
        }

        var condition = _feed.Condition;
        var words = WordsOf(condition);
        return Task.FromResult(condition.State == FeedState.Live ? HealthCheckResult.Healthy(words) : HealthCheckResult.Unhealthy(words));
    }

    private static string WordsOf(FeedCondition condition) => condition.IsForEverybody ? condition.Detail : condition.State.ToString().ToLowerInvariant();
}
