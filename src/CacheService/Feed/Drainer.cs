using CacheService.Counts;
using CacheService.Metrics;

namespace CacheService.Feed;

/// <summary>
/// One drain: reads what has changed, applies it to the store if nothing stands against that, and answers the reads that wait for it.
/// <para>
/// What the counts stand on (<see cref="Baseline"/>) is looked at with each drain as far as that is cheap, which with many partitions it is not: then now and then.
/// Only a drain that looks makes the counts younger, and one that a read waits for always does. All of it is looked at once a second.
/// </para>
/// </summary>
internal sealed class Drainer(CountsStore store, Repairs repairs, DrainRequests requests, FeedProgress progress, TimeProvider time)
{
    private static readonly TimeSpan BaselineInterval = TimeSpan.FromSeconds(1);

    /// <summary>Some ten times what it costs to look at a table with its triggers and columns: a tenth of the time at most.</summary>
    private static readonly TimeSpan LookIntervalPerTable = TimeSpan.FromMilliseconds(0.1);

    private Registration? _registration;
    private long _drains;
    private long _lastLook;
    private long _lastBaseline;
    private long _leaseEndsAt;

    /// <summary>Reads of the change log since the start. Thread-safe.</summary>
    public long Drains => Volatile.Read(ref _drains);

    /// <summary>The name under which the drains of now are registered; empty before the first. Thread-safe.</summary>
    public string Consumer => Volatile.Read(ref _registration)?.Consumer ?? "";

    /// <summary>How many drains were applied.</summary>
    public long Applied { get; private set; }

    /// <summary>For how long the lease is proven to hold, by the server's clock as the last drain has read it; null before the first drain. Thread-safe.</summary>
    public TimeSpan? LeaseLeft => Volatile.Read(ref _leaseEndsAt) is var end && end == 0 ? null
        : time.GetTimestamp() is var now && now < end ? time.GetElapsedTime(now, end) : TimeSpan.Zero;

    /// <summary>When the last drain started, as a <see cref="TimeProvider"/> timestamp.</summary>
    public long LastStart { get; private set; } = time.GetTimestamp();

    /// <summary>From here on the drains are those of a registration.</summary>
    public void Begin(Registration registration)
    {
        Volatile.Write(ref _registration, registration);
        (_lastLook, _lastBaseline) = (0, 0);
    }

    /// <summary>Drains once. Only for the store's writer.</summary>
    public DrainOutcome Drain(IChangeSource source, DrainPrelude prelude, TimeSpan timeout)
    {
        var registration = _registration!;
        LastStart = time.GetTimestamp();
        var waiting = requests.BeginDrain(out var isAsked);
        var depth = IsDue(_lastBaseline, BaselineInterval) ? DrainDepth.Baseline
            : isAsked || IsDue(_lastLook, LookIntervalPerTable * registration.Baseline.Tables.Length) ? DrainDepth.Footprint
            : DrainDepth.Changes;
        var succeeded = false;
        try
        {
            var before = store.Version!;
            var drain = source.Drain(before.Snapshot, registration, new DrainOrder(prelude, depth), timeout);
            Interlocked.Increment(ref _drains);
            if (registration.FindGap(drain, before.Snapshot) is { } gap)
            {
                return new DrainOutcome(0, false, new ReloadReason(gap, RegisterAfresh: true) { Cause = CauseOfGap(drain, registration) });
            }

            var leaseLeft = Math.Max(0, registration.Proven.Until - drain.ServerTime);
            Volatile.Write(ref _leaseEndsAt, LastStart + (long)(leaseLeft * time.TimestampFrequency));
            if (drain.Truncated)
            {
                return Reload("a table was truncated", ReloadCause.Truncation);
            }

            if (drain.HasRowsOfOtherTables)
            {
                return Reload("partitions or children of tweet.activity or tweet.message came and went", ReloadCause.Partitions);
            }

            if (FindDrift(registration.Baseline, drain) is { } drift)
            {
                return Reload(drift, ReloadCause.Baseline);
            }

            _lastLook = depth >= DrainDepth.Footprint ? LastStart : _lastLook;
            _lastBaseline = depth == DrainDepth.Baseline ? LastStart : _lastBaseline;

            if (!repairs.TryApplyTo(store))
            {
                return Reload("an audit found that messages came or went unnoticed", ReloadCause.Audit);
            }

            store.Apply(drain.Changes, drain.Snapshot, depth >= DrainDepth.Footprint ? drain.StartedAt : before.TakenAt, drain.DayChanges);
            Applied++;
            Instruments.Drains.Record(time.GetElapsedTime(LastStart).TotalSeconds);
            Instruments.Changes.Add(drain.Changes.Count);
            // Before the reads that wait are answered: with LIVE.
            progress.BecomeLive();
            succeeded = true;
            return new DrainOutcome(drain.CountChanges(), drain.Consumers > 1, null);
        }
        catch (InconsistentChangeException e)
        {
            return Reload($"the change log does not fit the counts: {e.Message}", ReloadCause.Misfit, registerAfresh: true);
        }
        finally
        {
            waiting.SetResult(succeeded);
        }
    }

    private static DrainOutcome Reload(string why, ReloadCause cause, bool registerAfresh = false) =>
        new(0, false, new ReloadReason(why, registerAfresh, DistrustsRollup: true) { Cause = cause });

    private static ReloadCause CauseOfGap(DrainResult drain, Registration registration) =>
        drain.Identity is null ? ReloadCause.Crash : drain.Identity != registration.Identity ? ReloadCause.Request : ReloadCause.Registration;

    private static string? FindDrift(Baseline baseline, DrainResult drain) =>
        (drain.Baseline is { } now ? baseline.DescribeChangeTo(now) : null)
        ?? (drain.Footprint is { } footprint && baseline.Footprint != footprint ? baseline.Footprint.DescribeChangeTo(footprint) : null);

    private bool IsDue(long last, TimeSpan interval) => last == 0 || time.GetElapsedTime(last) >= interval;
}

/// <summary>What a drain came to.</summary>
/// <param name="Changes">How many changes it found.</param>
/// <param name="HasOthers">Whether other caches follow the database as well.</param>
/// <param name="Reload">Why all counts must be loaded afresh; null if they need not.</param>
internal readonly record struct DrainOutcome(long Changes, bool HasOthers, ReloadReason? Reload);
