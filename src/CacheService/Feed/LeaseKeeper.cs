using CacheService.Counts;

namespace CacheService.Feed;

/// <summary>Renews the lease well before it lapses, and trims the change log. Independent of the drains, so that a broken session loses no changes.</summary>
internal sealed partial class LeaseKeeper(Func<Registration?> registration, Func<PgSnapshot?> reached, FeedStatus status, FeedOptions options, TimeProvider time, ILogger logger)
{
    /// <summary>Renewals within one lease: the last but one may fail.</summary>
    private const int RenewalsPerLease = 6;

    /// <summary>Runs until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(options.LeaseDuration / RenewalsPerLease, time);
        try
        {
            while (await timer.WaitForNextTickAsync(cancellationToken))
            {
                if (registration() is { } current)
                {
                    await RenewAsync(current, cancellationToken);
                }
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The service stops.
        }
    }

    private async Task RenewAsync(Registration current, CancellationToken cancellationToken)
    {
        try
        {
            // A registration that is lost is noticed by the next drain.
            if (await current.RenewAsync(reached()?.ToString(), cancellationToken))
            {
                await current.TrimAsync(cancellationToken);
                status.NotificationQueueUsage = await current.NotificationQueueUsageAsync(cancellationToken);
            }
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            LogRenewalFailed(logger, DatabaseErrors.Describe(e));
        }
    }

    [LoggerMessage(EventId = 10, EventName = "LeaseRenewalFailed", Level = LogLevel.Warning,
        Message = "The lease could not be renewed: {Reason}")]
    private static partial void LogRenewalFailed(ILogger logger, string reason);
}
