using CacheService.Postgres;
using Microsoft.Extensions.Options;

namespace CacheService.Feed;

/// <summary>Renews the lease well before it lapses, and takes care of the change log. Independent of the drains, so that a broken session loses no changes.</summary>
internal sealed partial class LeaseKeeper(
    Synchronizer synchronizer, PostgresConnections connections, IChangeLogCare care, NotificationQueue queue, IOptions<FeedOptions> options, TimeProvider time, ILogger<CountsFeed> logger)
{
    /// <summary>Renewals within one lease: the last but one may fail.</summary>
    private const int RenewalsPerLease = 6;

    private readonly FeedOptions _options = options.Value;
    private bool _warnedOfQueue;

    /// <summary>Runs until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(_options.LeaseDuration / RenewalsPerLease, time);
        try
        {
            while (await timer.WaitForNextTickAsync(cancellationToken))
            {
                if (synchronizer.Registration is { } current)
                {
                    await KeepAsync(current, cancellationToken);
                }
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The service stops.
        }
    }

    private async Task KeepAsync(Registration current, CancellationToken cancellationToken)
    {
        // A connection that does not answer must not cost the lease: the next renewal takes another.
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(_options.LeaseDuration / RenewalsPerLease);
        try
        {
            // A registration that is lost is noticed by the next drain.
            if (!await current.RenewAsync(synchronizer.Reached?.ToString(), patience.Token))
            {
                return;
            }
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            connections.ClearPool();
            LogRenewalFailed(logger, e is OperationCanceledException ? "the database does not answer" : DatabaseErrors.Describe(e));
            return;
        }

        // Trimming is bounded too: a backlog must not cost the lease. The next renewal goes on with it.
        using var leftover = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        leftover.CancelAfter(_options.LeaseDuration * 2 / RenewalsPerLease);
        try
        {
            await care.TrimAsync(_options.LeaseDuration / RenewalsPerLease, leftover.Token);
            await EndSessionsOfTheGoneAsync(leftover.Token);
            await LookAtNotificationQueueAsync(leftover.Token);
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            // The counts do not depend on it, and the next renewal tries again.
            LogCareFailed(logger, e is OperationCanceledException ? "the database does not answer" : DatabaseErrors.Describe(e));
        }
    }

    private async Task EndSessionsOfTheGoneAsync(CancellationToken cancellationToken)
    {
        if (await care.EndSessionsOfTheGoneAsync(cancellationToken) is > 0 and var ended)
        {
            LogSessionsEnded(logger, ended, _options.LeaseDuration.TotalSeconds);
        }
    }

    private async Task LookAtNotificationQueueAsync(CancellationToken cancellationToken)
    {
        var usage = await care.NotificationQueueUsageAsync(cancellationToken);
        queue.Note(usage);
        var isHigh = usage >= _options.NotificationQueueWarning;
        if (isHigh && !_warnedOfQueue)
        {
            LogQueueFills(logger, usage);
        }

        _warnedOfQueue = isHigh;
    }

    [LoggerMessage(EventId = 1010, EventName = "LeaseRenewalFailed", Level = LogLevel.Warning,
        Message = "The lease could not be renewed: {Reason}")]
    private static partial void LogRenewalFailed(ILogger logger, string reason);

    [LoggerMessage(EventId = 1011, EventName = "ChangeLogCareFailed", Level = LogLevel.Warning,
        Message = "The change log could not be trimmed, and grows: {Reason}")]
    private static partial void LogCareFailed(ILogger logger, string reason);

    [LoggerMessage(EventId = 1012, EventName = "SessionsOfTheGoneEnded", Level = LogLevel.Warning,
        Message = "Ended {Sessions} sessions of a cache that has not been heard of for {Seconds} s.")]
    private static partial void LogSessionsEnded(ILogger logger, long sessions, double seconds);

    [LoggerMessage(EventId = 1013, EventName = "NotificationQueueFills", Level = LogLevel.Warning,
        Message = "The server's notification queue is {Usage:P1} full: a session that has run LISTEN does not read, or sits in a transaction (see pg_stat_activity). When it is full, commits that notify fail.")]
    private static partial void LogQueueFills(ILogger logger, double usage);
}
