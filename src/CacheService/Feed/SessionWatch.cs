using CacheService.Postgres;
using Microsoft.Extensions.Options;
using Npgsql;

namespace CacheService.Feed;

/// <summary>Watches a session for what the drains do not notice: a listener that hears nothing, and a host that is the primary no longer.</summary>
internal sealed class SessionWatch(PostgresConnections connections, Hearing hearing, IOptions<FeedOptions> options, TimeProvider time, ILogger<CountsFeed> logger)
{
    private static readonly TimeSpan SelfTestTimeout = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan PrimaryCheckInterval = TimeSpan.FromSeconds(3);

    /// <summary>Watches until the session ends.</summary>
    public Task RunAsync(IFeedSession session, CancellationToken sessionEnding) =>
        Task.WhenAll(WarnIfDeafAsync(session, sessionEnding), LeaveDemotedAsync(session, sessionEnding));

    /// <summary>The listener's own notification should have come back by now. Heartbeats find every change all the same.</summary>
    private async Task WarnIfDeafAsync(IFeedSession session, CancellationToken sessionEnding)
    {
        if (session.IsListening)
        {
            await Task.Delay(SelfTestTimeout, time, sessionEnding).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        if (!sessionEnding.IsCancellationRequested && !hearing.IsWorking)
        {
            FeedLog.Deaf(logger, options.Value.HeartbeatInterval.TotalMilliseconds);
        }
    }

    /// <summary>A demoted host that does not know it answers as before: only another one's later timeline tells.</summary>
    private async Task LeaveDemotedAsync(IFeedSession session, CancellationToken sessionEnding)
    {
        using var timer = new PeriodicTimer(PrimaryCheckInterval, time);
        await using var ended = sessionEnding.Register(timer.Dispose);
        while (await timer.WaitForNextTickAsync(CancellationToken.None))
        {
            try
            {
                if (await connections.HasPrimaryMovedAsync(sessionEnding))
                {
                    session.Break(new NpgsqlException("another host was promoted; this one is the primary no longer"));
                    return;
                }
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }
}
