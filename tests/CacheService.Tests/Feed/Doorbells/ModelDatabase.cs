using CacheService.Counts;
using CacheService.Feed;
using Npgsql;

namespace CacheService.Tests.Feed.Doorbells;

/// <summary>
/// A database in memory, with two writers and one message. It lets the given turns come between whatever the drain loop does. Where a step of a drain
/// begins and ends is as in PostgreSQL: a writer tries the lock at its trigger, its changes show and its bell is sent when it commits, and a snapshot is taken at once.
/// </summary>
internal sealed class ModelDatabase(Action comeBetween, TimeProvider time) : IChangeSource
{
    public const long MessageId = 1;

    private static readonly Guid Identity = new("00000000-0000-0000-0000-000000000001");

    private readonly List<(ulong Xid, int Changes)> _committed = [];
    private ulong _nextXid = 10;
    private bool _isAsleepHeld;

    /// <summary>Whether a drain that answers a bell has read already, and the loop has not begun to fall asleep since.</summary>
    private bool _isAwake;

    /// <summary>Set to have the loop's next step fail.</summary>
    public Exception? Fault { get; set; }

    /// <summary>Bells that have been sent and are not heard yet.</summary>
    public int BellsInTheAir { get; set; }

    /// <summary>Whether changes were read that the other caches were not told of.</summary>
    public bool OwesOthers { get; private set; }

    /// <summary>Whether a writer was made to ring although the loop was awake.</summary>
    public bool RangInVain { get; private set; }

    public IReadOnlyList<Writer> Writers { get; } = [new Writer(), new Writer()];

    /// <summary>All changes that were committed.</summary>
    public long TotalCommitted { get; private set; }

    /// <summary>Ids of the transactions that have committed.</summary>
    public IEnumerable<ulong> Committed => _committed.Select(transaction => transaction.Xid);

    /// <inheritdoc/>
    public bool HoldsAsleep { get; private set; }

    /// <inheritdoc/>
    public bool MaySleep => true;

    public static PgSnapshot EmptySnapshot { get; } = PgSnapshot.Parse("10:10:");

    public static Registration Register()
    {
        var baseline = new Baseline
        {
            Server = 1,
            Database = 1,
            Books = "",
            Functions = [],
            Columns = "",
            HasRowsFromAhead = false,
            Tables = [1],
            Footprint = default,
            Problems = [],
        };
        return new Registration(new NoBook(), "one", baseline, Identity, provenUntil: long.MaxValue, isEverythingRecorded: true);
    }

    /// <summary>What is committed and not in a snapshot.</summary>
    public bool HasMoreThan(PgSnapshot snapshot) => _committed.Exists(transaction => !snapshot.Includes(transaction.Xid));

    /// <summary>Forgets which transactions a snapshot includes, so that many runs take no longer than the first.</summary>
    public void Forget(PgSnapshot snapshot) => _committed.RemoveAll(transaction => snapshot.Includes(transaction.Xid));

    /// <summary>A writer's trigger runs.</summary>
    public void Write(Writer writer)
    {
        writer.Xid ??= _nextXid++;
        writer.Changes++;
        if (_isAsleepHeld)
        {
            writer.Rings = true;
            RangInVain |= _isAwake;
        }
        else
        {
            writer.SharesAsleep = true;
        }
    }

    /// <summary>A writer ends, if it has begun.</summary>
    public void End(Writer writer, bool commits)
    {
        if (writer.Xid is { } xid && commits)
        {
            _committed.Add((xid, writer.Changes));
            TotalCommitted += writer.Changes;
            BellsInTheAir += writer.Rings ? 1 : 0;
        }

        (writer.Xid, writer.Changes, writer.SharesAsleep, writer.Rings) = (null, 0, false, false);
    }

    /// <summary>The session ends, and with it its locks and what its listener was to hear.</summary>
    public void EndSession()
    {
        ReleaseLocks();
        (BellsInTheAir, OwesOthers, Fault) = (0, false, null);
    }

    /// <inheritdoc/>
    public void ThrowIfBroken()
    {
    }

    /// <inheritdoc/>
    public bool TryBecomeRinger()
    {
        Pass(reads: false);
        return true;
    }

    /// <inheritdoc/>
    public void TellOthers()
    {
        Pass(reads: false);
        OwesOthers = false;
    }

    /// <inheritdoc/>
    public void WakeUp() => ReleaseLocks();

    /// <inheritdoc/>
    public void ReleaseLocks() => (_isAsleepHeld, HoldsAsleep, OwesOthers) = (false, false, false);

    /// <inheritdoc/>
    public bool IsLockedOut(Exception error) => error is PostgresException;

    /// <inheritdoc/>
    public DrainResult Drain(PgSnapshot since, Registration registration, DrainOrder order, TimeSpan timeout)
    {
        DrainResult? drain = null;
        var startedAt = time.GetTimestamp();
        foreach (var step in order.Steps)
        {
            Pass(reads: true);
            switch (step)
            {
                case DrainStep.TakeAsleep:
                    _isAsleepHeld = HoldsAsleep = Writers.All(writer => !writer.SharesAsleep);
                    _isAwake &= !_isAsleepHeld;
                    break;
                case DrainStep.GiveAsleepBack:
                    _isAsleepHeld = HoldsAsleep = false;
                    break;
                case DrainStep.ReadChanges:
                    drain = Read(since, startedAt, registration);
                    _isAwake |= order.Prelude == DrainPrelude.WakeUp;
                    break;
                case DrainStep.ReadBaseline:
                    drain = drain! with { Baseline = registration.Baseline };
                    break;
            }
        }

        Pass(reads: true);
        return drain!;
    }

    private DrainResult Read(PgSnapshot since, long startedAt, Registration registration)
    {
        var running = Writers.Where(writer => writer.Xid is not null).Select(writer => writer.Xid!.Value).Order().ToArray();
        var found = _committed.Where(transaction => !since.Includes(transaction.Xid)).Sum(transaction => transaction.Changes);
        OwesOthers |= found > 0;
        return new DrainResult
        {
            StartedAt = startedAt,
            Proven = registration.Proven,
            Snapshot = PgSnapshot.Parse($"{(running.Length > 0 ? running[0] : _nextXid)}:{_nextXid}:{string.Join(',', running)}"),
            Identity = Identity,
            Renewal = 0,
            Lapse = 0,
            Lease = long.MaxValue,
            Consumers = 2,
            Footprint = null,
            ServerTime = 0,
            Changes = found == 0 ? [] : [new CountChange(MessageId, found, 0, 0)],
        };
    }

    private void Pass(bool reads)
    {
        comeBetween();
        if (Fault is { } fault && (reads || !IsLockedOut(fault)))
        {
            Fault = null;
            throw fault;
        }
    }

    private sealed class NoBook : IConsumerBook
    {
        public Task<Registration> RegisterAsync(Baseline baseline, bool trustsOthers, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<long?> RenewAsync(Renewal renewal, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task WaitForEarlierTransactionsAsync(Action<string> waiting, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<IReadOnlyList<CacheEntry>> ListAsync(CancellationToken cancellationToken) => throw new NotSupportedException();
    }
}
