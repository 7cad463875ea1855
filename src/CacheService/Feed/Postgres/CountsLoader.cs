using CacheService.Counts;
using CacheService.Postgres;
using CacheService.Rollup;
using Microsoft.Extensions.Options;
using Npgsql;

namespace CacheService.Feed.Postgres;

/// <summary>Loads over a connection of its own.</summary>
internal sealed class CountsLoader(
    PostgresConnections connections, CountsStore store, DaysLoader days, IOptions<FeedOptions> options, IOptions<CountsOptions> counted, IOptions<RollupOptions> rollup, TimeProvider time) : ICountsLoader
{
    /// <summary>From here on a load leaves behind more memory than it is good to keep.</summary>
    private const int ManyMessages = 100_000;

    private const int BufferSize = 16 * 1024;

    // Messages; and activity on messages that do not exist, or not yet, which no foreign key keeps out for sure: it does not bind children, nor who writes
    // under session_replication_role = replica.
    private static readonly string CountSql =
        $"""
        copy (
            select coalesce(m.messageid, a.messageid)::bigint, coalesce(a.rts, 0), coalesce(a.favs, 0), m.messageid is null
              from (select messageid from tweet.message where messageid is not null) m
              full join (select messageid,
                                {ActivitySums.Columns()}
                           from tweet.activity
                          where messageid is not null
                          group by messageid) a using (messageid)
        ) to stdout (format binary)
        """;

    // What was written back, and the changes since that this snapshot shows: the counts as of this snapshot.
    private const string RolledUpSql =
        """
        copy (select messageid, rts, favs, born = 0 from twcache.counters_now where (born, rts, favs) <> (0, 0, 0)) to stdout (format binary)
        """;

    // The partitions as they are now, and not in the snapshot. Those that were read are locked, and cannot have gone since.
    private const string HasNewPartitionsSql =
        """
        select coalesce(bool_or(relid::oid <> all ($1)), false)
          from (select relid from pg_partition_tree('tweet.message') union all select relid from pg_partition_tree('tweet.activity')) as partition
        """;

    private const string SnapshotSql =
        """
        select pg_current_snapshot()::text,
               exists (select from twcache.consumer where name = $1 and renewal >= $2 and lapse = (select last_value from twcache.lapse))
        """;

    private const string WhyCountSql =
        """
        select coalesce(
            twcache.rollup_problem(is_thorough => true),
            (select 'the days were written back in the time zone ' || twcache.day_zone() where twcache.day_zone() <> $2 and twcache.keeps_days()),
            (select 'more than ' || $1 || ' changes are pending'
              where $1 < (select count(*) from (select from twcache.pending_changes() limit $1::bigint + 1) as pending)))
        """;

    private readonly FeedOptions _options = options.Value;

    /// <inheritdoc/>
    public async Task<string?> WhyCountAsync(CancellationToken cancellationToken)
    {
        await using var connection = await connections.Pool.OpenConnectionAsync(cancellationToken);
        return await WhyCountAsync(connection, cancellationToken);
    }

    /// <inheritdoc/>
    public async Task DropRollupAsync(CancellationToken cancellationToken)
    {
        await using var command = connections.Pool.CreateCommand("select twcache.drop_rollup()");
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public async Task<ReloadReason?> LoadAsync(Registration registration, bool counts, CancellationToken cancellationToken)
    {
        await using var connection = await connections.OpenLoaderAsync(_options.LoadTimeout, cancellationToken);

        // The locks come before the snapshot, which the first query takes: a TRUNCATE in between would show its tables empty to that snapshot.
        await RunAsync(
            connection,
            $"begin isolation level repeatable read read only; set local row_security = off; set local lock_timeout = '500ms'; set local statement_timeout = '{_options.LoadTimeout.TotalMilliseconds:F0}'; "
            + $"set local work_mem = '{_options.LoadWorkMemory}MB'; lock table tweet.message, tweet.activity in access share mode",
            cancellationToken);

        var takenAt = time.GetTimestamp();
        if (await ReadSnapshotAsync(connection, registration, cancellationToken) is not { } snapshot)
        {
            return new ReloadReason("this is not the server, or not the state of it, that the service is registered with", RegisterAfresh: true);
        }

        if (registration.Baseline.DescribeChangeTo(await BaselineReader.ReadAsync(connection, cancellationToken)) is { } change)
        {
            return new ReloadReason(change, RegisterAfresh: false);
        }

        if (await FindForeignRowsAsync(connection, cancellationToken) is { } foreign)
        {
            return new ReloadReason(foreign, RegisterAfresh: false);
        }

        // In the same snapshot as the copy.
        if (!counts && await WhyCountAsync(connection, cancellationToken) is { } whyCount)
        {
            return new ReloadReason(whyCount, RegisterAfresh: false);
        }

        var load = store.BeginLoad(keepsOrphans: true);
        // Nothing to await, on a thread of its own: each of millions of rows is a read, which costs much less that way.
        await Task.Factory.StartNew(
            () => Copy(connection, counts ? CountSql : RolledUpSql, new CopiedCounts(load), _options.LoadTimeout, cancellationToken), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        try
        {
            load.Days = await days.ReadAsync(connection, counts, cancellationToken);
        }
        catch (InconsistentChangeException e)
        {
            return new ReloadReason($"the days that were written back are wrong: {e.Message}", RegisterAfresh: false, DistrustsRollup: true);
        }

        if (await HasNewPartitionsAsync(connection, registration.Baseline.Tables, cancellationToken))
        {
            return new ReloadReason("a partition came while the counts were read", RegisterAfresh: false);
        }

        await RunAsync(connection, "commit", cancellationToken);
        store.Load(load, snapshot, takenAt);
        if (store.Version!.Messages >= ManyMessages)
        {
            // What the load replaced and outgrew is more than the counts themselves, and nothing else would ask the system's memory back for long.
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        }

        return null;
    }

    private async Task<string?> WhyCountAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(WhyCountSql, connection);
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = rollup.Value.MaxPendingRows });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = counted.Value.TimeZone });
        return await command.ExecuteScalarAsync(cancellationToken) as string;
    }

    private static async Task<string?> FindForeignRowsAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("select twcache.foreign_rows()", connection);
        return await command.ExecuteScalarAsync(cancellationToken) as string;
    }

    private static async Task<PgSnapshot?> ReadSnapshotAsync(NpgsqlConnection connection, Registration registration, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(SnapshotSql, connection);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = registration.Consumer });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = registration.Proven.Renewal });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return reader.GetBoolean(1) ? PgSnapshot.Parse(reader.GetString(0)) : null;
    }

    private static async Task<bool> HasNewPartitionsAsync(NpgsqlConnection connection, uint[] tables, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(HasNewPartitionsSql, connection);
        command.Parameters.Add(new NpgsqlParameter<uint[]> { TypedValue = tables, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Array | NpgsqlTypes.NpgsqlDbType.Oid });
        return (bool)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    private static void Copy(NpgsqlConnection connection, string sql, CopiedCounts counts, TimeSpan timeout, CancellationToken cancellationToken)
    {
        using var copy = connection.BeginRawBinaryCopy(sql);
        using var cancelling = cancellationToken.Register(copy.Cancel);
        // The query works for as long as the tables are large before its first row comes.
        copy.ReadTimeout = (int)timeout.TotalMilliseconds;
        try
        {
            Read(copy, counts);
        }
        catch (NpgsqlException) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellationToken);
        }
    }

    private static void Read(Stream copy, CopiedCounts counts)
    {
        var buffer = new byte[BufferSize];
        var (filled, read) = (0, 0);
        do
        {
            read = copy.Read(buffer.AsSpan(filled));
            filled += read;
            var taken = counts.Take(buffer.AsSpan(0, filled));
            buffer.AsSpan(taken, filled - taken).CopyTo(buffer);
            filled -= taken;
        }
        while (read > 0);

        if (!counts.IsComplete)
        {
            throw new FormatException("The copy of all counts ended early.");
        }
    }

    private static async Task RunAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
