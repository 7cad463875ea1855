using CacheService.Counts;
using CacheService.Postgres;
using Npgsql;
using NpgsqlTypes;

namespace CacheService.Feed;

/// <summary>
/// The reader connection: reads the change log, and holds the ASLEEP and RINGER locks. Not thread-safe. It is opened and used by blocking calls
/// only: one asynchronous call, and each later answer would come by way of two threads, which for a drain costs more than the drain.
/// </summary>
internal sealed class ChangeLogReader : IDisposable
{
    // A snapshot for each statement: the one after a lock must not be from before it. Index scans only: the plan is made while the log is empty, and used when it is not. JIT costs more than it gives.
    // A notification need not wait for the disk: it is of no use after a crash.
    private const string Settings =
        "set default_transaction_isolation = 'read committed'; set enable_seqscan = off; set jit = off; set plan_cache_mode = force_generic_plan; set synchronous_commit = off";

    // One statement, so one MVCC snapshot: the one it reports. What is visible now and was not in the earlier snapshot (xmax, in progress)
    // is what has happened since. The row of the log's state is the one with a snapshot.
    private const string DrainSql =
        """
        select (select count(*) from twcache.consumer), null::bigint, null::bigint, null::bigint,
               pg_current_snapshot()::text, (select id from twcache.change_identity),
               exists (select from twcache.consumer where name = $3 and lapse = (select last_value from twcache.lapse)),
               exists (select from twcache.change where xid >= pg_snapshot_xmax(pg_current_snapshot())), extract(epoch from clock_timestamp())::float8
        union all
        select messageid, sum(rts)::bigint, sum(favs)::bigint, sum(born)::bigint, null, null, null, null, null
          from (select messageid, rts, favs, born from twcache.change where xid >= $1
                union all
                select messageid, rts, favs, born from twcache.change where xid = any ($2)) as since
         group by messageid
        """;

    private readonly NpgsqlParameter<ulong> _xmax = new() { NpgsqlDbType = NpgsqlDbType.Xid8 };
    private readonly NpgsqlParameter<ulong[]> _inProgress = new() { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Xid8 };
    private readonly Dictionary<DrainPrelude, NpgsqlBatch> _batches = [];

    private readonly NpgsqlConnection _connection;
    private readonly TimeProvider _time;

    private ChangeLogReader(NpgsqlConnection connection, bool ownsSession, TimeProvider time)
    {
        _connection = connection;
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

    /// <summary>Opens the connection, and prepares the session and its statements.</summary>
    public static Task<ChangeLogReader> OpenAsync(PostgresConnections connections, TimeSpan commandTimeout, TimeProvider time) => Task.Run(() =>
    {
        var connection = connections.OpenReader(commandTimeout);
        try
        {
            var reader = new ChangeLogReader(connection, SessionSettings.Apply(connection), time);
            if (reader.OwnsSession)
            {
                connections.EndLeftSessions(connection);
                using var settings = new NpgsqlCommand(Settings, connection);
                settings.ExecuteNonQuery();
            }

            reader.PrepareDrains();
            return reader;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    });

    /// <inheritdoc/>
    public void Dispose() => _connection.Dispose();

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

    /// <summary>Reads what has changed since a snapshot. Blocks, for the drain loop's own thread.</summary>
    public Drain Drain(PgSnapshot since, string consumer, DrainPrelude prelude, TimeSpan timeout)
    {
        var batch = _batches[prelude];
        batch.Timeout = (int)timeout.TotalSeconds;
        var parameters = batch.BatchCommands[^1].Parameters;
        parameters[0].Value = since.Xmax;
        parameters[1].Value = since.InProgress;
        parameters[2].Value = consumer;

        var startedAt = _time.GetTimestamp();
        using var reader = batch.ExecuteReader();
        if (prelude != DrainPrelude.None)
        {
            reader.Read();
            var done = reader.GetBoolean(0);
            HoldsAsleep = prelude == DrainPrelude.FallAsleep && done;
            reader.NextResult();
        }

        return Read(reader, startedAt);
    }

    private void PrepareDrains()
    {
        foreach (var prelude in Enum.GetValues<DrainPrelude>())
        {
            var batch = _connection.CreateBatch();
            if (PreludeSql(prelude) is { } sql)
            {
                batch.BatchCommands.Add(new NpgsqlBatchCommand(sql));
            }

            batch.BatchCommands.Add(new NpgsqlBatchCommand(DrainSql)
            {
                Parameters = { _xmax.Clone(), _inProgress.Clone(), new NpgsqlParameter<string> { NpgsqlDbType = NpgsqlDbType.Text } },
            });
            if (OwnsSession)
            {
                batch.Prepare();
            }

            _batches[prelude] = batch;
        }
    }

    private static Drain Read(NpgsqlDataReader reader, long startedAt)
    {
        var changes = new List<CountChange>();
        var truncated = false;
        PgSnapshot? snapshot = null;
        Guid? identity = null;
        var (isRegistered, hasStrangeRows) = (false, false);
        long consumers = 0;
        double serverTime = 0;
        while (reader.Read())
        {
            if (!reader.IsDBNull(4))
            {
                snapshot = PgSnapshot.Parse(reader.GetString(4));
                identity = reader.IsDBNull(5) ? null : reader.GetGuid(5);
                isRegistered = reader.GetBoolean(6);
                hasStrangeRows = reader.GetBoolean(7);
                serverTime = reader.GetDouble(8);
                consumers = reader.GetInt64(0);
            }
            else if (reader.IsDBNull(0))
            {
                truncated = true;
            }
            else
            {
                changes.Add(new CountChange(reader.GetInt64(0), reader.GetInt64(1), reader.GetInt64(2), checked((int)reader.GetInt64(3))));
            }
        }

        return new Drain
        {
            StartedAt = startedAt,
            Snapshot = snapshot ?? throw new InvalidOperationException("A drain brought no snapshot."),
            Identity = identity,
            IsRegistered = isRegistered,
            Consumers = consumers,
            HasStrangeRows = hasStrangeRows,
            ServerTime = serverTime,
            Truncated = truncated,
            Changes = changes,
        };
    }

    private static string? PreludeSql(DrainPrelude prelude) => prelude switch
    {
        DrainPrelude.FallAsleep => $"select pg_try_advisory_lock({AdvisoryLocks.Asleep})",
        DrainPrelude.WakeUp => $"select pg_advisory_unlock({AdvisoryLocks.Asleep})",
        _ => null,
    };
}
