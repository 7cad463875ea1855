using CacheService.Metrics;
using Microsoft.Extensions.Options;
using Npgsql;

namespace CacheService.Feed;

/// <summary>Follows the database over one session: synchronizes, drains, and does so again wherever the drains find that everything must be loaded afresh.</summary>
internal sealed class SessionFollower(
    Synchronizer synchronizer, DrainLoop loop, SessionWatch watch, FeedProgress progress, IOptions<FeedOptions> options, TimeProvider time, ILogger<CountsFeed> logger)
{
    private readonly FeedOptions _options = options.Value;
    private TimeSpan _catchUpTimeout = options.Value.DrainTimeout;

    /// <inheritdoc cref="DrainLoop.Drains"/>
    public long Drains => loop.Drains;

    /// <summary>Follows until the session breaks.</summary>
    /// <param name="session">The session.</param>
    /// <param name="pauses">Between loads that follow each other.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task FollowAsync(IFeedSession session, AttemptPauses pauses, CancellationToken cancellationToken)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var watching = watch.RunAsync(session, ending.Token);
        try
        {
            await DrainRepeatedlyAsync(session, pauses, cancellationToken);
        }
        finally
        {
            loop.EndSession();
            await ending.CancelAsync();
            await watching;
        }
    }

    /// <summary>A drain that had too little time for what there is to catch up with gets more the next time.</summary>
    /// <param name="broken">What ended the attempt.</param>
    /// <param name="hasDrained">Whether it drained.</param>
    public void BeMorePatientAfter(Exception broken, bool hasDrained)
    {
        if (hasDrained || broken is not (NpgsqlException { InnerException: TimeoutException } or PostgresException { SqlState: PostgresErrorCodes.QueryCanceled }))
        {
            _catchUpTimeout = _options.DrainTimeout;
        }
        else if (_catchUpTimeout < _options.LoadTimeout)
        {
            _catchUpTimeout *= 4;
        }
    }

    /// <summary>Something failed that was not expected to, perhaps in the midst of a change to the counts: they must be loaded afresh.</summary>
    public void DistrustCounts() => synchronizer.Invalidate(registersAfresh: false);

    /// <summary>The counts are to be loaded afresh, under a new registration.</summary>
    public void ForgetRegistration() => synchronizer.Invalidate(registersAfresh: true);

    private async Task DrainRepeatedlyAsync(IFeedSession session, AttemptPauses pauses, CancellationToken cancellationToken)
    {
        for (var isFresh = true; ; isFresh = false)
        {
            var registration = await synchronizer.SynchronizeAsync(session, isFresh, cancellationToken);
            var (synchronized, applied) = (time.GetTimestamp(), loop.Applied);
            var reload = await loop.RunAsync(session.Changes, registration, _catchUpTimeout, cancellationToken);
            FeedLog.Reload(logger, reload.Why);
            Instruments.Reloads.Increment(reload.Cause);
            progress.BecomeNotLive(FeedState.Syncing, $"loading all counts, because {reload.Why}", isForEverybody: true);
            await synchronizer.InvalidateAsync(reload, cancellationToken);
            if (reload.RegisterAfresh)
            {
                if (loop.Applied == applied)
                {
                    // What is connected stays where it was, while new connections lead elsewhere.
                    throw new NpgsqlException($"the service's connections do not lead to the same server: {reload.Why}");
                }

                var delay = pauses.NextDelayAfter(time.GetElapsedTime(synchronized));
                progress.BeginStep(delay);
                await Task.Delay(delay, time, cancellationToken);
            }
        }
    }
}
