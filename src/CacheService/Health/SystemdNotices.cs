using System.Net.Sockets;
using CacheService.Feed;
using CacheService.Shutdown;
using Microsoft.Extensions.Hosting.Systemd;

namespace CacheService.Health;

/// <summary>
/// Tells systemd (Type=notify) when the service has started and when it begins to stop, shows its readiness in words, and reports while the feed goes on from step to step, for WatchdogSec.
/// It has started when it answers calls, whatever the state of its counts: a database that is away, or a long load, is no reason to start it again.
/// </summary>
internal sealed class SystemdNotices(ISystemdNotifier systemd, Readiness readiness, FeedStatus feed, Ending ending, IHostApplicationLifetime lifetime, TimeProvider time) : BackgroundService
{
    // Systemd takes each report for as long as WatchdogSec, and leaves it alone where that is not set.
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private static readonly ServiceState Watchdog = new("WATCHDOG=1");

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var started = lifetime.ApplicationStarted.Register(() => Tell(ServiceState.Ready));
        ending.Begun += TellStopping;
        using var stopping = lifetime.ApplicationStopping.Register(TellStopping);
        using var timer = new PeriodicTimer(Interval, time);
        var told = "";
        do
        {
            if (feed.IsCycling)
            {
                Tell(Watchdog);
            }

            var words = readiness.Words;
            if (words != told)
            {
                told = words;
                Tell(new ServiceState($"STATUS={words.ReplaceLineEndings(" ")}"));
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private void TellStopping() => Tell(ServiceState.Stopping);

    private void Tell(ServiceState state)
    {
        try
        {
            systemd.Notify(state);
        }
        catch (SocketException)
        {
            // Nobody listens any more, or for a moment: the next notice comes within a second.
        }
    }
}
