using CacheService.Metrics;
using Microsoft.Extensions.Options;

namespace CacheService.Feed;

/// <summary>
/// Drains the change log into the store: often while changes come, and asleep otherwise (<see cref="DoorbellMachine"/>), until a writer rings, a read asks,
/// or it is time for a heartbeat.
/// Of several caches on a database one, the ringer, uses ASLEEP. It tells the others when it finds changes; they drain on that, and on their heartbeats.
/// It has a thread of its own, so that no number of readers and subscribers in the thread pool's queue keeps the counts from being young.
/// </summary>
internal sealed class DrainLoop(Drainer drainer, FeedProgress progress, WakeSignal wake, NotificationQueue queue, IOptions<FeedOptions> options, TimeProvider time)
{
    private static readonly TimeSpan MinTellInterval = TimeSpan.FromMilliseconds(5);

    private readonly FeedOptions _options = options.Value;
    private readonly DrainPace _pace = new(options.Value.MinDrainInterval);
    private IChangeSource _source = null!;
    private DoorbellMachine _doorbell = new(options.Value);
    private TimeSpan _timeout;
    private long _lockedOutSince;
    private long _lastRingerAttempt;
    private int _ringerTerm;
    private int _ringerTerms;
    private long _lastTold;

    /// <summary>Whether there are changes that the other caches have not been told of.</summary>
    private bool _owesOthers;

    /// <summary>Whether this cache is the one that notifications wake. Thread-safe.</summary>
    public bool IsRinger => RingerTerm > 0;

    /// <summary>Numbers the terms for which this cache is the ringer, each of which one session holds without a gap; 0: it is not. Thread-safe.</summary>
    public int RingerTerm
    {
        get => Volatile.Read(ref _ringerTerm);
        private set => Volatile.Write(ref _ringerTerm, value);
    }

    /// <inheritdoc cref="Drainer.Drains"/>
    public long Drains => drainer.Drains;

    /// <inheritdoc cref="Drainer.Consumer"/>
    public string Consumer => drainer.Consumer;

    /// <inheritdoc cref="Drainer.Applied"/>
    public long Applied => drainer.Applied;

    /// <summary>Follows the database until something makes a load necessary.</summary>
    /// <param name="source">Where the changes are.</param>
    /// <param name="registration">What the store continues from.</param>
    /// <param name="catchUpTimeout">How long the first drain may take, which may have much to catch up with.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="Npgsql.NpgsqlException">The session broke.</exception>
    public Task<ReloadReason> RunAsync(IChangeSource source, Registration registration, TimeSpan catchUpTimeout, CancellationToken cancellationToken) =>
        Task.Factory.StartNew(() => Run(source, registration, catchUpTimeout, cancellationToken), cancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    /// <summary>The session has ended, and its locks with it.</summary>
    public void EndSession() => RingerTerm = 0;

    /// <summary>From here on it follows a source, awake.</summary>
    internal void Begin(IChangeSource source, Registration registration, TimeSpan catchUpTimeout)
    {
        (_source, _doorbell, _timeout) = (source, new DoorbellMachine(_options), catchUpTimeout);
        RingerTerm = 0;
        drainer.Begin(registration);
        (_lockedOutSince, _lastRingerAttempt, _lastTold, _owesOthers) = (0, 0, 0, false);
    }

    /// <summary>Drains once.</summary>
    /// <param name="pause">How long to wait for a reason to drain again.</param>
    /// <returns>Null; or why all counts must be loaded afresh.</returns>
    internal ReloadReason? Step(out TimeSpan pause)
    {
        progress.BeginStep(_timeout + _options.HeartbeatInterval);
        BecomeRinger();

        // Taken before the drain starts: what rang until now, the drain sees.
        var reasons = wake.Take();
        _source.ThrowIfBroken();
        var lastStart = drainer.LastStart;
        var prelude = _doorbell.BeginDrain(reasons, mayFallAsleep: _source.MaySleep && IsRinger && !_owesOthers && !queue.IsTooFullToRing);
        if (TryDrain(prelude) is not { } drain)
        {
            pause = _doorbell.FailDrain();
            return null;
        }

        if (drain.Reload is not null)
        {
            pause = default;
            return drain.Reload;
        }

        _timeout = _options.DrainTimeout;
        _pace.Count(drain.Changes, time.GetElapsedTime(lastStart, drainer.LastStart), time.GetElapsedTime(drainer.LastStart));
        var foundChanges = drain.Changes > 0;
        TellOthers(foundChanges && drain.HasOthers);
        var wasAsleep = _doorbell.State == DoorbellState.Asleep;
        _doorbell.EndDrain(_source.HoldsAsleep, foundChanges);
        if (_doorbell.State == DoorbellState.Asleep && !wasAsleep)
        {
            Instruments.Sleeps.Add(1);
        }

        pause = _doorbell.WaitFor(IsRinger);
        return null;
    }

    private ReloadReason Run(IChangeSource source, Registration registration, TimeSpan catchUpTimeout, CancellationToken cancellationToken)
    {
        Begin(source, registration, catchUpTimeout);
        ReloadReason? reload;
        cancellationToken.ThrowIfCancellationRequested();
        while ((reload = Step(out var pause)) is null)
        {
            Wait(pause, cancellationToken);
            cancellationToken.ThrowIfCancellationRequested();
        }

        // What comes next may take long, and nobody listens meanwhile: writers need not ring.
        source.WakeUp();
        return reload;
    }

    /// <returns>Null: somebody holds a lock on what it reads; it can be tried again.</returns>
    private DrainOutcome? TryDrain(DrainPrelude prelude)
    {
        try
        {
            var drain = drainer.Drain(_source, prelude, _timeout);
            _lockedOutSince = 0;
            return drain;
        }
        catch (Exception e) when (_source.IsLockedOut(e) && (_lockedOutSince == 0 || time.GetElapsedTime(_lockedOutSince) < _timeout))
        {
            _lockedOutSince = _lockedOutSince == 0 ? drainer.LastStart : _lockedOutSince;
            _source.ReleaseLocks();
            (RingerTerm, _lastRingerAttempt) = (0, 0);
            return null;
        }
    }

    /// <summary>Tells the other caches of changes; not each time, while there are many. What it owes them it tells before it sleeps.</summary>
    private void TellOthers(bool haveNews)
    {
        _owesOthers = IsRinger && (_owesOthers || haveNews);
        if (_owesOthers && time.GetElapsedTime(_lastTold) >= MinTellInterval)
        {
            _source.TellOthers();
            (_lastTold, _owesOthers) = (time.GetTimestamp(), false);
        }
    }

    private void BecomeRinger()
    {
        // A follower that follows the database for a while only, leaves it to those that stay: they publish.
        if (IsRinger || _options.Source != FeedSource.Postgres || time.GetElapsedTime(_lastRingerAttempt) < _options.HeartbeatInterval)
        {
            return;
        }

        _lastRingerAttempt = time.GetTimestamp();
        RingerTerm = _source.TryBecomeRinger() ? ++_ringerTerms : 0;
    }

    private void Wait(TimeSpan atMost, CancellationToken cancellationToken)
    {
        if (atMost > _options.MinDrainInterval)
        {
            wake.Wait(atMost, cancellationToken);
        }

        // Drains are spaced whoever asks for them, so that many reads share one. Timers tick in whole milliseconds: rounded up, not to nothing; but where a read waits,
        // half a millisecond is not made a whole one.
        var isAwaited = wake.Has(WakeReasons.Request);
        var untilAllowed = ((isAwaited ? _pace.IntervalForReads : _pace.Interval) - time.GetElapsedTime(drainer.LastStart)).TotalMilliseconds;
        if (untilAllowed > 0)
        {
            cancellationToken.WaitHandle.WaitOne((int)(isAwaited ? Math.Round(untilAllowed) : Math.Ceiling(untilAllowed)));
        }
    }
}
