using CacheService.Counts;
using CacheService.Metrics;
using Microsoft.Extensions.Options;
using Npgsql;

namespace CacheService.Feed;

/// <summary>
/// Registers and loads as far as that is needed, so that the store goes on by drains. A new session goes on from the store's snapshot wherever the change log
/// has everything since. It holds what the store stands on: the registration, and whether the store continues from it.
/// </summary>
internal sealed class Synchronizer(
    IConsumerBook book, ICountsLoader loader, BaselineGate gate, CountsStore store, SnapshotPin pin, FeedProgress progress, IOptions<FeedOptions> options, TimeProvider time,
    ILogger<CountsFeed> logger)
{
    private readonly FeedOptions _options = options.Value;
    private Registration? _registration;

    /// <summary>Whether the changes that another cache relies on are all that there are.</summary>
    private bool _trustsOthers = true;

    /// <summary>Whether what was written back may be wrong, and is to be dropped before anything is loaded.</summary>
    private bool _distrustsRollup;

    /// <summary>Whether the store continues from the current registration; false: it must be loaded first.</summary>
    private bool _isLoaded;

    /// <summary>The registration; null: there is none.</summary>
    public Registration? Registration => _registration;

    /// <summary>Up to where the change log may be trimmed; null: nothing is loaded.</summary>
    public PgSnapshot? Reached => _isLoaded ? pin.Reached : null;

    /// <summary>All counts must be loaded afresh.</summary>
    /// <param name="registersAfresh">Whether registering comes first.</param>
    public void Invalidate(bool registersAfresh)
    {
        _isLoaded = false;
        if (registersAfresh)
        {
            _registration = null;
        }
    }

    /// <summary>All counts must be loaded afresh, for a reason.</summary>
    public async Task InvalidateAsync(ReloadReason reason, CancellationToken cancellationToken)
    {
        Invalidate(reason.RegisterAfresh);
        if (reason.DistrustsRollup)
        {
            await DropRollupAsync(cancellationToken);
        }
    }

    /// <summary>Registers and loads as far as that is needed.</summary>
    /// <param name="session">The session.</param>
    /// <param name="isFresh">Whether the schema was looked at just now, when the session began.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>What the store continues from.</returns>
    public async Task<Registration> SynchronizeAsync(IFeedSession session, bool isFresh, CancellationToken cancellationToken)
    {
        while (true)
        {
            var baseline = await gate.PassAsync(session, GiveUpRegistrationAsync, cancellationToken);
            var whyAfresh = _registration?.Baseline.WhyRegisterAfresh(baseline);
            if (_registration is null || whyAfresh is not null)
            {
                _trustsOthers &= whyAfresh is null;
                if (whyAfresh is not null && !isFresh)
                {
                    // It may be a schema of a later version by now.
                    Invalidate(registersAfresh: true);
                    throw new NpgsqlException($"the schema is to be looked at again, because {whyAfresh}");
                }

                progress.BecomeNotLive(FeedState.Syncing, "registering with the change log");
                _isLoaded = false;
                _registration = await book.RegisterAsync(baseline, _trustsOthers, cancellationToken);
            }
            else if (_registration.Baseline.DescribeChangeTo(baseline) is not null)
            {
                _isLoaded = false;
                _registration.Baseline = baseline;
            }

            // A renewal for each session: the files of a server that was stopped and is put back to that state lack it.
            var registration = _registration;
            var isReady = _isLoaded ? await registration.RenewAsync(pin.Reached?.ToString(), cancellationToken) : await LoadAsync(registration, cancellationToken);
            if (isReady)
            {
                return registration;
            }

            if (_isLoaded)
            {
                FeedLog.Reload(logger, "the change log has no consumer of this name any more: the server has crashed, or was put back to an earlier state");
                Instruments.Reloads.Increment(ReloadCause.Registration);
                Invalidate(registersAfresh: true);
            }
        }
    }

    /// <returns>False: something has changed that must be looked at first.</returns>
    private async Task<bool> LoadAsync(Registration registration, CancellationToken cancellationToken)
    {
        if (_distrustsRollup)
        {
            await DropRollupAsync(cancellationToken);
        }

        var whyCount = await loader.WhyCountAsync(cancellationToken);
        if (whyCount is not null && !registration.IsEverythingRecorded)
        {
            await registration.WaitForEarlierTransactionsAsync(WaitFor, cancellationToken);
        }

        progress.BecomeNotLive(FeedState.Syncing, whyCount is null ? "loading the counts that were written back" : "counting all activity");
        progress.BeginStep(_options.LoadTimeout);
        if (!await registration.BeginLoadAsync(cancellationToken))
        {
            _registration = null;
            return false;
        }

        var started = time.GetTimestamp();
        using var span = Spans.Begin(whyCount is null ? "load from the rollup" : "load from the activity");
        if (await loader.LoadAsync(registration, counts: whyCount is not null, cancellationToken) is { } whyNot)
        {
            WaitFor($"loading again, because {whyNot.Why}");
            _distrustsRollup |= whyNot.DistrustsRollup;
            if (whyNot.RegisterAfresh)
            {
                _registration = null;
                throw new NpgsqlException($"the service's connections do not lead to the same server: {whyNot.Why}");
            }

            await Task.Delay(BaselineGate.Interval, time, cancellationToken);
            return false;
        }

        (_isLoaded, _trustsOthers) = (true, true);
        var version = store.Version!;
        var seconds = time.GetElapsedTime(started).TotalSeconds;
        Instruments.Loads.Record(seconds, Instruments.Source[whyCount is null ? LoadSource.Rollup : LoadSource.Activity]);
        span?.Dispose();
        if (whyCount is null)
        {
            registration.NoteEverythingIsRecorded();
            FeedLog.LoadedFromRollup(logger, version.Messages, seconds, version.Snapshot);
        }
        else
        {
            FeedLog.Loaded(logger, version.Messages, seconds, version.Snapshot, whyCount);
        }

        // Other caches may now rely on this one, and the log may be trimmed up to here.
        if (!await registration.RenewAsync(version.Snapshot.ToString(), cancellationToken))
        {
            Invalidate(registersAfresh: true);
        }

        return _isLoaded;
    }

    /// <summary>Until what stands in the way is mended nobody needs the changes; and who began before may record them wrongly, or not at all.</summary>
    private async Task GiveUpRegistrationAsync(CancellationToken cancellationToken)
    {
        var registration = _registration;
        (_registration, _isLoaded, _trustsOthers, _distrustsRollup) = (null, false, false, true);
        if (registration is not null)
        {
            // No cache that starts meanwhile may rely on what was recorded for this one.
            await registration.HaltAsync(cancellationToken);
            await DropRollupAsync(cancellationToken);
        }
    }

    private async Task DropRollupAsync(CancellationToken cancellationToken)
    {
        _distrustsRollup = true;
        await loader.DropRollupAsync(cancellationToken);
        _distrustsRollup = false;
    }

    private void WaitFor(string what)
    {
        progress.BeginStep(FeedProgress.Opening);
        progress.BecomeNotLive(FeedState.Syncing, what);
    }
}
