using CacheService.Counts;
using Npgsql;

namespace CacheService.Feed;

/// <summary>
/// Drains the change log into the store: often while changes come, and asleep otherwise, until a writer rings, a read asks, or it is time for a
/// heartbeat. A writer rings exactly if somebody holds ASLEEP at its trigger, and this loop sleeps only after it got that lock, which no
/// running writer shared, and then found nothing: whoever wrote before is drained, whoever writes after rings.
/// Of several caches on a database one, the ringer, uses ASLEEP. It tells the others when it finds changes; they drain on that, and on their heartbeats.
/// It has a thread of its own, so that no number of readers and subscribers in the thread pool's queue keeps the counts from being young.
/// <para>
/// What the counts stand on (<see cref="Baseline"/>) is looked at with each drain as far as that is cheap, which with many partitions it is not: then now and then.
/// Only a drain that looks makes the counts younger, and one that a read waits for always does. All of it is looked at once a second.
/// </para>
/// </summary>
internal sealed class DrainLoop(CountsStore store, Repairs repairs, FeedStatus status, DrainRequests requests, WakeSignal wake, FeedOptions options, TimeProvider time)
{
    private const int EmptyDrainsBeforeSleep = 2;

    /// <summary>From this share of the notification queue on no writer is made to ring: when the queue is full, its commit fails.</summary>
    private const double FullQueue = 0.5;

    private static readonly TimeSpan MinTellInterval = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan BaselineInterval = TimeSpan.FromSeconds(1);

    /// <summary>Some twenty times what it costs to look at a table with its triggers: a twentieth of the time goes there at most.</summary>
    private static readonly TimeSpan LookIntervalPerTable = TimeSpan.FromMilliseconds(0.1);
    private static readonly TimeSpan ShortestGrowingPause = TimeSpan.FromMilliseconds(1);

    /// <summary>How many drains were applied.</summary>
    public long Applied { get; private set; }

    private long _lastStart = time.GetTimestamp();
    private long _lastRingerAttempt;
    private long _lastTold;
    private long _lastLook;
    private long _lastBaseline;

    /// <summary>Whether there are changes that the other caches have not been told of.</summary>
    private bool _owesOthers;

    /// <summary>Follows the database until something makes a load necessary.</summary>
    /// <param name="session">The connections.</param>
    /// <param name="registration">What the store continues from.</param>
    /// <param name="catchUpTimeout">How long the first drain may take, which may have much to catch up with.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="NpgsqlException">The session broke.</exception>
    public Task<ReloadReason> RunAsync(FeedSession session, Registration registration, TimeSpan catchUpTimeout, CancellationToken cancellationToken) =>
        Task.Factory.StartNew(() => Run(session, registration, catchUpTimeout, cancellationToken), cancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    private ReloadReason Run(FeedSession session, Registration registration, TimeSpan catchUpTimeout, CancellationToken cancellationToken)
    {
        var reload = Follow(session, registration, catchUpTimeout, cancellationToken);

        // What comes next may take long, and nobody listens meanwhile: writers need not ring.
        session.Reader.WakeUp();
        return reload;
    }

    private ReloadReason Follow(FeedSession session, Registration registration, TimeSpan catchUpTimeout, CancellationToken cancellationToken)
    {
        var reader = session.Reader;
        var timeout = catchUpTimeout;
        var emptyDrains = 0;
        var pause = options.MinDrainInterval;
        var asleep = false;
        var lockedOutSince = 0L;
        status.IsRinger = false;
        status.Consumer = registration.Consumer;
        (_lastRingerAttempt, _lastLook, _lastBaseline, _owesOthers) = (0, 0, 0, false);
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            status.BeginStep(timeout + options.HeartbeatInterval);
            BecomeRinger(reader);

            // Taken before the drain starts: what rang until now, the drain sees.
            var reasons = wake.Take();
            session.ThrowIfBroken();
            var prelude = ChoosePrelude(reader, asleep, reasons, emptyDrains);
            if (TryDrain(reader, registration, prelude, timeout, ref lockedOutSince) is not { } drain)
            {
                (emptyDrains, asleep) = (0, false);
                Wait(options.MaxDrainPause, cancellationToken);
                continue;
            }

            if (drain.Reload is { } reload)
            {
                return reload;
            }

            timeout = options.DrainTimeout;
            TellOthers(reader, drain.FoundChanges && drain.HasOthers);
            if (drain.FoundChanges || prelude == DrainPrelude.WakeUp)
            {
                emptyDrains = 0;
                pause = options.MinDrainInterval;
            }
            else
            {
                emptyDrains++;
                // Writers are in flight: look less and less often.
                pause = emptyDrains <= EmptyDrainsBeforeSleep ? options.MinDrainInterval : Shorter(Longer(pause, ShortestGrowingPause) * 2, options.MaxDrainPause);
            }

            asleep = reader.HoldsAsleep && !drain.FoundChanges;
            Wait(asleep || !status.IsRinger ? options.HeartbeatInterval : pause, cancellationToken);
        }
    }

    private DrainPrelude ChoosePrelude(ChangeLogReader reader, bool asleep, WakeReasons reasons, int emptyDrains)
    {
        if (reader.HoldsAsleep)
        {
            return asleep && !reasons.HasFlag(WakeReasons.Bell) ? DrainPrelude.None : DrainPrelude.WakeUp;
        }

        return emptyDrains >= EmptyDrainsBeforeSleep && reader.MaySleep && status.IsRinger && !_owesOthers && status.NotificationQueueUsage < FullQueue
            ? DrainPrelude.FallAsleep
            : DrainPrelude.None;
    }

    /// <returns>Null: somebody holds a lock on what it reads; it can be tried again.</returns>
    private (bool FoundChanges, bool HasOthers, ReloadReason? Reload)? TryDrain(
        ChangeLogReader reader, Registration registration, DrainPrelude prelude, TimeSpan timeout, ref long lockedOutSince)
    {
        try
        {
            var drain = Drain(reader, registration, prelude, timeout);
            lockedOutSince = 0;
            return drain;
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.LockNotAvailable && (lockedOutSince == 0 || time.GetElapsedTime(lockedOutSince) < timeout))
        {
            lockedOutSince = lockedOutSince == 0 ? _lastStart : lockedOutSince;
            reader.ReleaseLocks();
            (status.IsRinger, _lastRingerAttempt) = (false, 0);
            return null;
        }
    }

    private (bool FoundChanges, bool HasOthers, ReloadReason? Reload) Drain(ChangeLogReader reader, Registration registration, DrainPrelude prelude, TimeSpan timeout)
    {
        _lastStart = time.GetTimestamp();
        var waiting = requests.BeginDrain(out var isAsked);
        var depth = IsDue(_lastBaseline, BaselineInterval) ? DrainDepth.Baseline
            : isAsked ? DrainDepth.Readings
            : IsDue(_lastLook, LookIntervalPerTable * registration.Baseline.Tables.Length) ? DrainDepth.Footprint
            : DrainDepth.Changes;
        var succeeded = false;
        try
        {
            var before = store.Version!;
            var drain = reader.Drain(before.Snapshot, registration, prelude, depth, timeout);
            status.CountDrain();
            if (registration.FindGap(drain, before.Snapshot) is { } gap)
            {
                return (false, false, new ReloadReason(gap, RegisterAfresh: true));
            }

            if (drain.Truncated)
            {
                return (false, false, new ReloadReason("a table was truncated", RegisterAfresh: false));
            }

            if (drain.HasRowsOfOtherTables)
            {
                return (false, false, new ReloadReason("partitions or children of tweet.activity or tweet.message came and went", RegisterAfresh: false));
            }

            if (FindDrift(registration.Baseline, drain) is { } drift)
            {
                return (false, false, new ReloadReason(drift, RegisterAfresh: false));
            }

            _lastLook = depth >= DrainDepth.Footprint ? _lastStart : _lastLook;
            _lastBaseline = depth == DrainDepth.Baseline ? _lastStart : _lastBaseline;

            if (!repairs.TryApplyTo(store))
            {
                return (false, false, new ReloadReason("an audit found that messages came or went unnoticed", RegisterAfresh: false));
            }

            store.Apply(drain.Changes, drain.Snapshot, depth >= DrainDepth.Footprint ? drain.StartedAt : before.TakenAt);
            Applied++;
            // Before the reads that wait are answered: with LIVE.
            status.BecomeLive();
            succeeded = true;
            return (drain.Changes.Count > 0, drain.Consumers > 1, null);
        }
        catch (InconsistentChangeException e)
        {
            return (false, false, new ReloadReason($"the change log does not fit the counts: {e.Message}", RegisterAfresh: true));
        }
        finally
        {
            waiting.SetResult(succeeded);
        }
    }

    private static string? FindDrift(Baseline baseline, Drain drain) =>
        (drain.Baseline is { } now ? baseline.DescribeChangeTo(now) : null)
        ?? (drain.Footprint is { } footprint && baseline.Footprint.DiffersFrom(footprint) ? baseline.Footprint.DescribeChangeTo(footprint) : null);

    private bool IsDue(long last, TimeSpan interval) => last == 0 || time.GetElapsedTime(last) >= interval;

    /// <summary>Tells the other caches of changes; not each time, while there are many. What it owes them it tells before it sleeps.</summary>
    private void TellOthers(ChangeLogReader reader, bool haveNews)
    {
        _owesOthers = status.IsRinger && (_owesOthers || haveNews);
        if (_owesOthers && time.GetElapsedTime(_lastTold) >= MinTellInterval)
        {
            reader.TellOthers();
            (_lastTold, _owesOthers) = (time.GetTimestamp(), false);
        }
    }

    private void BecomeRinger(ChangeLogReader reader)
    {
        if (status.IsRinger || time.GetElapsedTime(_lastRingerAttempt) < options.HeartbeatInterval)
        {
            return;
        }

        _lastRingerAttempt = time.GetTimestamp();
        status.IsRinger = reader.TryBecomeRinger();
    }

    private void Wait(TimeSpan atMost, CancellationToken cancellationToken)
    {
        if (atMost > options.MinDrainInterval)
        {
            wake.Wait(atMost, cancellationToken);
        }

        // Drains are spaced whoever asks for them, so that many reads share one. Timers tick in whole milliseconds: rounded up, not to nothing.
        var untilAllowed = (options.MinDrainInterval - time.GetElapsedTime(_lastStart)).TotalMilliseconds;
        if (untilAllowed > 0)
        {
            cancellationToken.WaitHandle.WaitOne((int)Math.Ceiling(untilAllowed));
        }
    }

    private static TimeSpan Longer(TimeSpan one, TimeSpan other) => one > other ? one : other;

    private static TimeSpan Shorter(TimeSpan one, TimeSpan other) => one < other ? one : other;
}
