using System.Net.Sockets;
using CacheService.Counts;
using CacheService.Metrics;
using CacheService.Postgres;
using Microsoft.Extensions.Options;
using Npgsql;

namespace CacheService.Feed;

/// <summary>Keeps the store true: connects, follows the database, and begins again where that breaks. What was loaded is served all the while.</summary>
internal sealed class CountsFeed(
    IFeedSessions sessions,
    SessionFollower follower,
    LeaseKeeper keeper,
    PostgresConnections connections,
    FeedProgress progress,
    StartFailure startFailure,
    IOptions<FeedOptions> options,
    TimeProvider time,
    ILogger<CountsFeed> logger) : BackgroundService
{
    private readonly AttemptPauses _pauses = new(options.Value.MaxReconnectDelay);
    private bool _hasConnected;

    /// <summary>Follows the database until told to stop, beginning with a load. One at a time.</summary>
    public async Task FollowAsync(CancellationToken stoppingToken)
    {
        // What is loaded, if anything, somebody else has brought.
        follower.ForgetRegistration();
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
        var keeping = keeper.RunAsync(stopping.Token);
        try
        {
            await ConnectRepeatedlyAsync(stoppingToken);
        }
        finally
        {
            await stopping.CancelAsync();
            await keeping;
        }
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => FollowAsync(stoppingToken);

    private async Task ConnectRepeatedlyAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            var (started, drainsBefore) = (time.GetTimestamp(), follower.Drains);
            progress.BeginStep(FeedProgress.Opening);
            try
            {
                await using var session = await sessions.OpenAsync(isFirst: !_hasConnected, stoppingToken);
                _hasConnected = true;
                await follower.FollowAsync(session, _pauses, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) when (!_hasConnected && options.Value.Source == FeedSource.Postgres && DatabaseErrors.IsFinal(e))
            {
                startFailure.Report(DatabaseErrors.Describe(e));
                return;
            }
            catch (Exception e)
            {
                var delay = _pauses.NextDelayAfter(time.GetElapsedTime(started));
                connections.ClearPool();
                follower.BeMorePatientAfter(e, hasDrained: follower.Drains > drainsBefore);
                ReportBroken(e, delay);
                progress.BeginStep(delay);
                await Task.Delay(delay, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private void ReportBroken(Exception e, TimeSpan delay)
    {
        var description = DatabaseErrors.Describe(e);
        progress.BecomeNotLive(FeedState.Starting, description);
        Instruments.Reconnects.Add(1);
        if (e is NpgsqlException or SocketException or TimeoutException or IOException or DatabaseSetupException or DuplicateMessageException)
        {
            FeedLog.Broken(logger, description, delay.TotalSeconds);
        }
        else
        {
            follower.DistrustCounts();
            FeedLog.Unexpected(logger, delay.TotalSeconds, e);
        }
    }
}
