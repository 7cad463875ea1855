using System.Net.Sockets;
using CacheService.Counts;
using CacheService.Postgres;
using Microsoft.Extensions.Options;
using Npgsql;

namespace CacheService.Feed;

/// <summary>
/// Keeps the store true: connects, registers, loads, drains, and begins again where that breaks. What was loaded is served all the while;
/// a new connection goes on from the store's snapshot wherever the change log has everything since.
/// </summary>
internal sealed partial class CountsFeed(
    CountsStore store,
    FeedStatus status,
    DrainRequests requests,
    WakeSignal wake,
    SnapshotPin pin,
    Repairs repairs,
    PostgresConnections connections,
    SchemaInstaller installer,
    IOptions<FeedOptions> options,
    StartFailure startFailure,
    TimeProvider time,
    ILogger<CountsFeed> logger) : BackgroundService
{
    private static readonly TimeSpan SelfTestTimeout = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan PrimaryCheckInterval = TimeSpan.FromSeconds(3);

    /// <summary>What stands in the way of the counts is looked at this often, so that they are back soon after it is mended.</summary>
    private static readonly TimeSpan ProblemsInterval = TimeSpan.FromMilliseconds(250);

    /// <summary>More than enough for the statements of a new session, each of which has its own timeout.</summary>
    private static readonly TimeSpan OpenTimeout = TimeSpan.FromMinutes(1);

    private readonly FeedOptions _options = options.Value;
    private TimeSpan _catchUpTimeout = options.Value.DrainTimeout;
    private readonly Backoff _backoff = new(options.Value.MaxReconnectDelay);
    private Registration? _registration;
    private bool _hasConnected;

    private string _problems = "";

    /// <summary>Whether the changes that another cache relies on are all that there are.</summary>
    private bool _trustsOthers = true;

    /// <summary>The tables that are counted, as of the last look.</summary>
    private uint[] _tables = [];

    /// <summary>The two that those belong to, as of when nothing stood in the way of the counts; null: not yet.</summary>
    private uint?[]? _roots;

    /// <summary>Whether tables have come or gone since nothing stood in the way of the counts.</summary>
    private bool _hasNewTables;

    /// <summary>Whether the store continues from the current registration; false: it must be loaded first.</summary>
    private bool _isLoaded;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
        var keeping = new LeaseKeeper(() => _registration, () => _isLoaded ? pin.Reached : null, connections, status, _options, time, logger).RunAsync(stopping.Token);
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

    private async Task ConnectRepeatedlyAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            var (started, drainsBefore) = (time.GetTimestamp(), status.Drains);
            status.BeginStep(OpenTimeout);
            try
            {
                await using var session = await FeedSession.OpenAsync(connections, installer, isFirst: !_hasConnected, _options, status, wake, time, stoppingToken);
                _hasConnected = true;
                using var ending = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
                var watching = Task.WhenAll(WarnIfDeafAsync(session, ending.Token), LeaveDemotedAsync(session, ending.Token));
                try
                {
                    await FollowAsync(session, stoppingToken);
                }
                finally
                {
                    await ending.CancelAsync();
                    await watching;
                }
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) when (!_hasConnected && DatabaseErrors.IsFinal(e))
            {
                startFailure.Report(DatabaseErrors.Describe(e));
                return;
            }
            catch (Exception e)
            {
                var delay = DelayAfter(time.GetElapsedTime(started));
                connections.ClearPool();
                BeMorePatientAfter(e, hasDrained: status.Drains > drainsBefore);
                ReportBroken(e, delay);
                status.BeginStep(delay);
                await Task.Delay(delay, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task FollowAsync(FeedSession session, CancellationToken cancellationToken)
    {
        var loop = new DrainLoop(store, repairs, status, requests, wake, _options, time);
        for (var isFresh = true; ; isFresh = false)
        {
            await SynchronizeAsync(session, isFresh, cancellationToken);
            var (synchronized, applied) = (time.GetTimestamp(), loop.Applied);
            var reload = await loop.RunAsync(session, _registration!, _catchUpTimeout, cancellationToken);
            LogReload(logger, reload.Why);
            status.BecomeNotLive(FeedState.Syncing, $"loading all counts, because {reload.Why}", isForEverybody: true);
            _isLoaded = false;
            if (reload.RegisterAfresh)
            {
                _registration = null;
                if (loop.Applied == applied)
                {
                    // What is connected stays where it was, while new connections lead elsewhere.
                    throw new NpgsqlException($"the service's connections do not lead to the same server: {reload.Why}");
                }

                var delay = DelayAfter(time.GetElapsedTime(synchronized));
                status.BeginStep(delay);
                await Task.Delay(delay, time, cancellationToken);
            }
        }
    }

    /// <summary>The listener's own notification should have come back by now. Heartbeats find every change all the same.</summary>
    private async Task WarnIfDeafAsync(FeedSession session, CancellationToken sessionEnding)
    {
        if (session.IsListening)
        {
            await Task.Delay(SelfTestTimeout, time, sessionEnding).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        if (!sessionEnding.IsCancellationRequested && !status.NotificationsWorking)
        {
            LogDeaf(logger, _options.HeartbeatInterval.TotalMilliseconds);
        }
    }

    /// <summary>A demoted host that does not know it answers as before: only another one's later timeline tells.</summary>
    private async Task LeaveDemotedAsync(FeedSession session, CancellationToken sessionEnding)
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

    /// <summary>Registers and loads as far as that is needed: afterwards the store goes on by drains.</summary>
    /// <param name="session">The connections.</param>
    /// <param name="isFresh">Whether the schema was looked at just now, when the session began.</param>
    /// <param name="cancellationToken">Ends it.</param>
    private async Task SynchronizeAsync(FeedSession session, bool isFresh, CancellationToken cancellationToken)
    {
        while (true)
        {
            var baseline = await WaitForSoundBaselineAsync(session, cancellationToken);
            var whyAfresh = _registration?.Baseline.WhyRegisterAfresh(baseline);
            if (_registration is null || whyAfresh is not null)
            {
                _trustsOthers &= whyAfresh is null;
                if (whyAfresh is not null && !isFresh)
                {
                    // It may be a schema of a later version by now.
                    (_registration, _isLoaded) = (null, false);
                    throw new NpgsqlException($"the schema is to be looked at again, because {whyAfresh}");
                }

                status.BecomeNotLive(FeedState.Syncing, "registering with the change log");
                _isLoaded = false;
                _registration = await Registration.RegisterAsync(connections, baseline, _options.LeaseSeconds, _trustsOthers, cancellationToken);
            }
            else if (_registration.Baseline.DescribeChangeTo(baseline) is not null)
            {
                _isLoaded = false;
                _registration.Baseline = baseline;
            }

            // A renewal for each session: the files of a server that was stopped and is put back to that state lack it.
            var isReady = _isLoaded ? await _registration.RenewAsync(pin.Reached?.ToString(), cancellationToken) : await LoadAsync(_registration, cancellationToken);
            if (isReady)
            {
                return;
            }

            if (_isLoaded)
            {
                LogReload(logger, "the change log has no consumer of this name any more: it was emptied by a crash of the server, or put back to an earlier state");
                (_registration, _isLoaded) = (null, false);
            }
        }
    }

    /// <returns>False: something has changed that must be looked at first.</returns>
    private async Task<bool> LoadAsync(Registration registration, CancellationToken cancellationToken)
    {
        if (!registration.IsEverythingRecorded)
        {
            await registration.WaitForEarlierTransactionsAsync(WaitFor, cancellationToken);
        }

        status.BecomeNotLive(FeedState.Syncing, "loading all counts");
        status.BeginStep(_options.LoadTimeout);
        if (!await registration.BeginLoadAsync(cancellationToken))
        {
            _registration = null;
            return false;
        }

        var started = time.GetTimestamp();
        ReloadReason? whyNot;
        await using (var loader = await connections.OpenLoaderAsync(_options.LoadTimeout, cancellationToken))
        {
            whyNot = await CountsLoader.LoadAsync(loader, store, registration, _options, time, cancellationToken);
        }

        if (whyNot is not null)
        {
            WaitFor($"loading again, because {whyNot.Why}");
            if (whyNot.RegisterAfresh)
            {
                _registration = null;
                throw new NpgsqlException($"the service's connections do not lead to the same server: {whyNot.Why}");
            }

            await Task.Delay(ProblemsInterval, time, cancellationToken);
            return false;
        }

        (_isLoaded, _trustsOthers) = (true, true);
        var version = store.Version!;
        var seconds = time.GetElapsedTime(started).TotalSeconds;
        LogLoaded(logger, version.Messages, seconds, version.Snapshot);

        // Other caches may now rely on this one, and the log may be trimmed up to here.
        if (!await registration.RenewAsync(version.Snapshot.ToString(), cancellationToken))
        {
            (_registration, _isLoaded) = (null, false);
        }

        return _isLoaded;
    }

    /// <summary>Waits until nothing stands in the way of the counts, and says what does.</summary>
    private async Task<Baseline> WaitForSoundBaselineAsync(FeedSession session, CancellationToken cancellationToken)
    {
        while (true)
        {
            status.BeginStep(OpenTimeout);
            session.ThrowIfBroken();
            var (problems, tables, roots, firesSometimes) = await Task.Run(session.Reader.ReadProblems, cancellationToken);
            _hasNewTables |= !_tables.AsSpan().SequenceEqual(tables);
            _tables = tables;
            if (problems.Length > 0 && (firesSometimes || (_hasNewTables && (_roots is null || _roots.AsSpan().SequenceEqual(roots)))))
            {
                // New partitions may only lack their triggers. Where one was taken away from a table that had it, somebody meant it; and where the tables themselves
                // are new, a restore may be about to bring the triggers. Nobody's writes go unrecorded meanwhile without being loaded: a trigger that is created
                // waits for the table's writers, and what was different before is.
                await using (var connection = await connections.Pool.OpenConnectionAsync(cancellationToken))
                {
                    await SchemaInstaller.MendTriggersAsync(connection, cancellationToken);
                }

                (problems, _, _, _) = await Task.Run(session.Reader.ReadProblems, cancellationToken);
            }

            if (problems.Length == 0)
            {
                var baseline = await Task.Run(session.Reader.ReadBaseline, cancellationToken);
                if (baseline.Problems.Count == 0)
                {
                    (_hasNewTables, _roots, _problems) = (false, roots, "");
                    return baseline;
                }

                continue;
            }

            // Until it is mended nobody needs the changes; and who began before may record them wrongly, or not at all.
            await GiveUpRegistrationAsync(cancellationToken);
            status.BecomeNotLive(FeedState.Syncing, problems, isForEverybody: true);
            if (problems != _problems)
            {
                LogProblems(logger, problems);
                _problems = problems;
            }

            await Task.Delay(ProblemsInterval, time, cancellationToken);
        }
    }

    private async Task GiveUpRegistrationAsync(CancellationToken cancellationToken)
    {
        var registration = _registration;
        (_registration, _isLoaded, _trustsOthers) = (null, false, false);
        if (registration is not null)
        {
            // No cache that starts meanwhile may rely on what was recorded for this one.
            await registration.HaltAsync(cancellationToken);
        }
    }

    private void WaitFor(string what)
    {
        status.BeginStep(OpenTimeout);
        status.BecomeNotLive(FeedState.Syncing, what);
    }

    /// <summary>A drain that had too little time for what there is to catch up with gets more the next time.</summary>
    private void BeMorePatientAfter(Exception broken, bool hasDrained)
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

    /// <summary>The pause before the next attempt, after one that held for a while or did not.</summary>
    private TimeSpan DelayAfter(TimeSpan held)
    {
        if (held > _options.MaxReconnectDelay)
        {
            _backoff.Reset();
        }

        return _backoff.NextDelay();
    }

    private void ReportBroken(Exception e, TimeSpan delay)
    {
        var description = DatabaseErrors.Describe(e);
        status.BecomeNotLive(FeedState.Starting, description);
        status.NotificationsWorking = false;
        status.IsRinger = false;
        if (e is NpgsqlException or SocketException or TimeoutException or IOException or DatabaseSetupException or DuplicateMessageException)
        {
            LogBroken(logger, description, delay.TotalSeconds);
        }
        else
        {
            // Whatever it was, it may have come in the midst of a change to the counts.
            _isLoaded = false;
            LogUnexpected(logger, delay.TotalSeconds, e);
        }
    }
}
