namespace CacheService.Feed;

/// <summary>Notices that counts have become stale because nothing happened, which nothing else announces.</summary>
internal sealed class StalenessMonitor(FeedStatus status, TimeProvider time) : BackgroundService
{
    private static readonly TimeSpan Period = TimeSpan.FromMilliseconds(50);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Period, time);
        await using var stopping = stoppingToken.Register(timer.Dispose);
        while (await timer.WaitForNextTickAsync(CancellationToken.None))
        {
            status.AnnounceState();
        }
    }
}
