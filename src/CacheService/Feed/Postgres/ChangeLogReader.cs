using System.Collections.Immutable;
using System.Runtime.ExceptionServices;
using CacheService.Counts;
using CacheService.Postgres;
using Npgsql;
using NpgsqlTypes;

namespace CacheService.Feed.Postgres;

/// <summary>
/// The reader connection: reads the change log, and holds the ASLEEP and RINGER locks. Not thread-safe. It is opened and used by blocking calls
/// only: one asynchronous call, and each later answer would come by way of two threads, which for a drain costs more than the drain.
/// </summary>
internal sealed class ChangeLogReader : IChangeSource, IDisposable
{
    // One statement, so one MVCC snapshot: the one it reports. A transaction's rows are not older than it is: where they are, a restore brought them. And
    // rows of a table that is not counted are of one that came and went. The row with a snapshot is the one that says what the changes stand on; the others are those of the
    // log, as they are.
    private const string DrainSql =
        """
        select null::bigint, null::bigint, null::bigint, null::int, null::bool, null::bool, pg_current_snapshot()::text,
               array[c.consumers, c.renewal, c.lapse, (select last_value from twcache.lease)], case when $5 then twcache.footprint($3, $4, true) end,
               (select id from twcache.change_identity), extract(epoch from clock_timestamp())::float8, null::date, null::bigint, null::bigint
          from (select count(name) as consumers, coalesce(max(renewal) filter (where name = $2 and lapse = last_value), -1) as renewal, max(last_value) as lapse
                  from twcache.lapse left join twcache.consumer on true) as c
        union all
        select messageid, rts, favs, born, (age(xid::xid) < age(row_xid)) is true, (relid <> all ($3)) is true, null, null, null, null, null,
               twcache.day_of(datetime, $6), de_rts, de_favs
          from twcache.recent_changes($1::pg_snapshot)
        """;

    // No snapshot is equal to one from before a transaction that has changed anything and has ended since. So where it is, tables and catalogs are as they
    // were; sequences may not be. The identity is read because its table is unlogged: as the whole drain does, this fails on a standby, whose snapshots may be equal.
    private const string UnchangedSql =
        """
        select pg_current_snapshot()::text = $1 and (select id from twcache.change_identity) is not distinct from $2,
               (select last_value from twcache.lapse), (select last_value from twcache.lease), extract(epoch from clock_timestamp())::float8
        """;

    private const string WakeUpSql = $"select pg_advisory_unlock({AdvisoryLocks.Asleep})";

    private static readonly DrainPrelude[] Preludes = Enum.GetValues<DrainPrelude>();

    private readonly Dictionary<(DrainPrelude Prelude, bool ReadsBaseline), NpgsqlBatch> _batches = [];

    private readonly NpgsqlConnection _connection;
    private readonly string _timeZone;
    private readonly TimeProvider _time;
    private NpgsqlCommand? _unchanged;
    private Idle? _idle;
    private Exception? _broken;

    private ChangeLogReader(NpgsqlConnection connection, bool ownsSession, string timeZone, TimeProvider time)
    {
        _connection = connection;
        _timeZone = timeZone;
        _time = time;
        OwnsSession = ownsSession;
    }

    /// <summary>Whether this session holds the ASLEEP lock, so that writers ring.</summary>
    public bool HoldsAsleep { get; private set; }

    /// <summary>
    /// Whether the connection has a session of its own. Behind a pooler of connections it has none: locks, settings and prepared statements would be left to
    /// others.
    /// </summary>
    public bool OwnsSession { get; }

    /// <summary>Whether writers may be made to ring.</summary>
    public bool MaySleep { get; private set; }

    /// <summary>Opens the connection, and prepares the session.</summary>
    /// <param name="connections">Where to.</param>
    /// <param name="options">How the database is followed.</param>
    /// <param name="timeZone">That of the days.</param>
    /// <param name="time">For when drains began.</param>
    public static Task<ChangeLogReader> OpenAsync(PostgresConnections connections, FeedOptions options, string timeZone, TimeProvider time) => Task.Run(() =>
    {
        var connection = connections.OpenReader(options.DrainTimeout);
        try
        {
            var reader = new ChangeLogReader(connection, SessionSettings.Apply(connection, SessionSettings.Reader), timeZone, time);
            if (reader.OwnsSession)
            {
                connections.EndLeftSessions(connection);
            }

            reader.MaySleep = options.Doorbell == Doorbell.Always || (options.Doorbell == Doorbell.Auto && !reader.AllowsPreparedTransactions());
            return reader;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    });

    /// <inheritdoc/>
    public void Dispose()
    {
        _unchanged?.Dispose();
        _connection.Dispose();
    }

    /// <summary>Tries to become the cache that uses ASLEEP. Kept until the connection ends.</summary>
    public bool TryBecomeRinger()
    {
        if (!OwnsSession)
        {
            return false;
        }

        using var command = new NpgsqlCommand($"select pg_try_advisory_lock({AdvisoryLocks.Ringer})", _connection);
        return (bool)command.ExecuteScalar()!;
    }

    /// <summary>Tells the other caches that there are changes.</summary>
    public void TellOthers()
    {
        using var command = new NpgsqlCommand("select pg_notify('twcache_changed', '')", _connection);
        try
        {
            command.ExecuteNonQuery();
        }
        catch (PostgresException e) when (DatabaseErrors.IsFullQueue(e))
        {
            // Because of somebody else; heartbeats find the changes.
        }
    }

    /// <summary>Gives ASLEEP back, if this session holds it: from here on nobody rings for it.</summary>
    public void WakeUp()
    {
        if (HoldsAsleep)
        {
            using var command = new NpgsqlCommand(WakeUpSql, _connection);
            command.ExecuteNonQuery();
            HoldsAsleep = false;
        }
    }

    /// <summary>Gives back all locks of the session: after a drain that failed it is not known which it has.</summary>
    public void ReleaseLocks()
    {
        if (OwnsSession)
        {
            using var command = new NpgsqlCommand("select pg_advisory_unlock_all()", _connection);
            command.ExecuteNonQuery();
        }

        HoldsAsleep = false;
    }

    /// <inheritdoc cref="BaselineReader.ReadProblems"/>
    public BaselineProblems ReadProblems() => BaselineReader.ReadProblems(_connection);

    /// <inheritdoc cref="BaselineReader.Read(NpgsqlConnection)"/>
    public Baseline ReadBaseline() => BaselineReader.Read(_connection);

    /// <inheritdoc/>
    public bool IsLockedOut(Exception error) => error is PostgresException { SqlState: PostgresErrorCodes.LockNotAvailable };

    /// <summary>Ends what is done with the session, for a reason. Only the first counts. Thread-safe.</summary>
    public void Break(Exception reason) => Interlocked.CompareExchange(ref _broken, reason, null);

    /// <inheritdoc/>
    public void ThrowIfBroken()
    {
        if (Volatile.Read(ref _broken) is { } reason)
        {
            ExceptionDispatchInfo.Throw(reason);
        }
    }

    /// <inheritdoc/>
    public DrainResult Drain(PgSnapshot since, Registration registration, DrainOrder order, TimeSpan timeout)
    {
        if (FindUnchanged(since, registration, order, timeout) is { } unchanged)
        {
            return unchanged;
        }

        var (prelude, depth) = order;
        var readsBaseline = depth == DrainDepth.Baseline;
        if (!_batches.TryGetValue((prelude, readsBaseline), out var batch))
        {
            // Not before there is something to drain: where row security keeps the service from its tables, preparing fails as well.
            PrepareDrains();
            batch = _batches[(prelude, readsBaseline)];
        }

        batch.Timeout = (int)timeout.TotalSeconds;
        var steps = order.Steps;
        var parameters = batch.BatchCommands[steps.IndexOf(DrainStep.ReadChanges)].Parameters;
        var baseline = registration.Baseline;
        (parameters[0].Value, parameters[1].Value) = (since.ToString(), registration.Consumer);
        (parameters[2].Value, parameters[3].Value) = (baseline.Tables, baseline.Functions);
        (parameters[4].Value, parameters[5].Value) = (depth >= DrainDepth.Footprint, _timeZone);

        // Before the drain's snapshot is taken: what was proven by now, the snapshot must show.
        var proven = registration.Proven;
        var startedAt = _time.GetTimestamp();
        using var reader = batch.ExecuteReader();
        DrainResult? drain = null;
        Baseline? now = null;
        for (var i = 0; i < steps.Length; i++)
        {
            if (i > 0)
            {
                reader.NextResult();
            }

            switch (steps[i])
            {
                case DrainStep.ReadChanges:
                    drain = Read(reader, startedAt, proven, looks: depth != DrainDepth.Changes);
                    break;
                case DrainStep.ReadBaseline:
                    reader.Read();
                    now = BaselineReader.Read(reader);
                    break;
                case var step:
                    reader.Read();
                    var done = reader.GetBoolean(0);
                    HoldsAsleep = step == DrainStep.TakeAsleep && done;
                    break;
            }
        }

        _idle = drain is { Footprint: not null, Identity: { } identity } && drain.Snapshot.IsSameAs(since) ? new Idle(drain, identity, registration, baseline) : null;
        // By now: a renewal that comes in while the drain is read may show in its snapshot.
        return drain! with { Baseline = now, SentRenewals = registration.Sent };
    }

    /// <summary>
    /// Where the drain before has found nothing, it asks first whether anything has changed at all: a third of what a drain costs that looks at what the
    /// changes stand on. Not behind a pooler of connections, because another server's snapshot may be equal.
    /// </summary>
    /// <returns>What the drain would find; null: something has changed, or it is not known.</returns>
    private DrainResult? FindUnchanged(PgSnapshot since, Registration registration, DrainOrder order, TimeSpan timeout)
    {
        if (order is not { Prelude: DrainPrelude.None, Depth: < DrainDepth.Baseline } || !OwnsSession || _idle is not { } idle || !idle.IsOf(since, registration))
        {
            return null;
        }

        _unchanged ??= PrepareUnchanged();
        _unchanged.CommandTimeout = (int)timeout.TotalSeconds;
        (_unchanged.Parameters[0].Value, _unchanged.Parameters[1].Value) = (since.ToString(), idle.Identity);
        var proven = registration.Proven;
        var startedAt = _time.GetTimestamp();
        using var reader = _unchanged.ExecuteReader();
        reader.Read();
        if (!reader.GetBoolean(0) || reader.GetInt64(1) != idle.Drain.Lapse)
        {
            _idle = null;
            return null;
        }

        return idle.Drain with
        {
            StartedAt = startedAt,
            Proven = proven,
            Lease = reader.GetInt64(2),
            ServerTime = reader.GetDouble(3),
            SentRenewals = registration.Sent,
        };
    }

    private NpgsqlCommand PrepareUnchanged()
    {
        var command = new NpgsqlCommand(UnchangedSql, _connection)
        {
            Parameters = { new NpgsqlParameter<string> { NpgsqlDbType = NpgsqlDbType.Text }, new NpgsqlParameter<Guid> { NpgsqlDbType = NpgsqlDbType.Uuid } },
        };
        command.Prepare();
        return command;
    }

    private bool AllowsPreparedTransactions()
    {
        using var command = new NpgsqlCommand("select current_setting('max_prepared_transactions')::int > 0", _connection);
        return (bool)command.ExecuteScalar()!;
    }

    private void PrepareDrains()
    {
        foreach (var prelude in Preludes)
        {
            foreach (var readsBaseline in (bool[])[false, true])
            {
                _batches[(prelude, readsBaseline)] = CreateBatch(new DrainOrder(prelude, readsBaseline ? DrainDepth.Baseline : DrainDepth.Changes).Steps);
            }
        }
    }

    private NpgsqlBatch CreateBatch(ImmutableArray<DrainStep> steps)
    {
        var batch = _connection.CreateBatch();
        foreach (var step in steps)
        {
            batch.BatchCommands.Add(step switch
            {
                DrainStep.TakeAsleep => new NpgsqlBatchCommand($"select pg_try_advisory_lock({AdvisoryLocks.Asleep})"),
                DrainStep.GiveAsleepBack => new NpgsqlBatchCommand(WakeUpSql),
                DrainStep.ReadBaseline => new NpgsqlBatchCommand(BaselineReader.Sql),
                _ => new NpgsqlBatchCommand(DrainSql)
                {
                    Parameters =
                    {
                        new NpgsqlParameter<string> { NpgsqlDbType = NpgsqlDbType.Text },
                        new NpgsqlParameter<string> { NpgsqlDbType = NpgsqlDbType.Text },
                        new NpgsqlParameter<uint[]> { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Oid },
                        new NpgsqlParameter<uint[]> { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Oid },
                        new NpgsqlParameter<bool> { NpgsqlDbType = NpgsqlDbType.Boolean },
                        new NpgsqlParameter<string> { NpgsqlDbType = NpgsqlDbType.Text },
                    },
                },
            });
        }

        if (OwnsSession)
        {
            batch.Prepare();
        }

        return batch;
    }

    private static DrainResult Read(NpgsqlDataReader reader, long startedAt, Proof proven, bool looks)
    {
        const int Consumers = 0, Renewal = 1, Lapse = 2, Lease = 3;
        var sums = new ChangeSums();
        var (truncated, hasStrangeRows, hasRowsOfOthers) = (false, false, false);
        DrainResult? drain = null;
        while (reader.Read())
        {
            if (!reader.IsDBNull(6))
            {
                var state = reader.GetFieldValue<long[]>(7);
                drain = new DrainResult
                {
                    StartedAt = startedAt,
                    Proven = proven,
                    Snapshot = PgSnapshot.Parse(reader.GetString(6)),
                    Consumers = state[Consumers],
                    Renewal = state[Renewal],
                    Lapse = state[Lapse],
                    Lease = state[Lease],
                    Footprint = looks ? BaselineReader.ReadFootprint(reader, 8) : null,
                    Identity = reader.IsDBNull(9) ? null : reader.GetGuid(9),
                    ServerTime = reader.GetDouble(10),
                    Changes = [],
                };
            }
            else if (reader.IsDBNull(0))
            {
                truncated = true;
            }
            else
            {
                var change = new CountChange(reader.GetInt64(0), reader.GetInt64(1), reader.GetInt64(2), reader.GetInt32(3));
                sums.Add(change);
                hasStrangeRows |= reader.GetBoolean(4);
                hasRowsOfOthers |= reader.GetBoolean(5);
                if (!reader.IsDBNull(11))
                {
                    // Retweets and likes come less what was undone.
                    var (undoneRetweets, undoneLikes) = (reader.GetInt64(12), reader.GetInt64(13));
                    sums.Add(checked(new DayCounts(reader.GetFieldValue<DateOnly>(11), change.Retweets + undoneRetweets, undoneRetweets, change.Likes + undoneLikes, undoneLikes)));
                }
            }
        }

        return (drain ?? throw new InvalidOperationException("A drain brought no snapshot.")) with
        {
            Changes = sums.Changes(),
            DayChanges = sums.Days(),
            Truncated = truncated,
            HasStrangeRows = hasStrangeRows,
            HasRowsOfOtherTables = hasRowsOfOthers,
        };
    }

    /// <summary>A drain that found nothing, with all that it rests on.</summary>
    private sealed record Idle(DrainResult Drain, Guid Identity, Registration Registration, Baseline Baseline)
    {
        public bool IsOf(PgSnapshot since, Registration registration) => registration == Registration && registration.Baseline == Baseline && since.IsSameAs(Drain.Snapshot);
    }
}
