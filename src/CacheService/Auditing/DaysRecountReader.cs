using System.Data;
using CacheService.Counts;
using CacheService.Postgres;
using Npgsql;

namespace CacheService.Auditing;

/// <summary>What an audit asks the database for the days: all of them from the tables, and what was recorded since.</summary>
internal sealed class DaysRecountReader(NpgsqlConnection connection, string timeZone)
{
    private const string SnapshotSql = "select pg_current_snapshot()::text, exists (select from twcache.consumer where name = $1)";

    private const string RecordedSql =
        """
        select day, sum(rts + de_rts)::bigint, sum(de_rts)::bigint, sum(favs + de_favs)::bigint, sum(de_favs)::bigint
          from (select change.*, twcache.day_of(datetime, $1) as day from twcache.changes_between($2::pg_snapshot, $3::pg_snapshot) as change) as recorded
         where day is not null
         group by day
        """;

    private static readonly string RecountSql = ActivitySums.ByDay("action::text");

    /// <summary>Counts all days.</summary>
    /// <param name="consumer">The feed's registration.</param>
    /// <param name="timeout">How long it may take.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>The snapshot; whether the database is the one on which the feed is registered; the days. Null: it took longer than it may.</returns>
    public async Task<DaysRecount?> RecountAsync(string consumer, TimeSpan timeout, CancellationToken cancellationToken)
    {
        await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancellationToken);
        await using (var begin = new NpgsqlCommand($"set transaction read only; set local lock_timeout = '1s'; {ActivitySums.LockSql}; set local statement_timeout = {(long)timeout.TotalMilliseconds}", connection))
        {
            await begin.ExecuteNonQueryAsync(cancellationToken);
        }

        PgSnapshot snapshot;
        bool isOurs;
        await using (var ask = new NpgsqlCommand(SnapshotSql, connection))
        {
            ask.Parameters.Add(new NpgsqlParameter<string> { TypedValue = consumer });
            await using var reader = await ask.ExecuteReaderAsync(cancellationToken);
            await reader.ReadAsync(cancellationToken);
            (snapshot, isOurs) = (PgSnapshot.Parse(reader.GetString(0)), reader.GetBoolean(1));
        }

        // The server's own timeout ends it, and says so; this one, a connection that is dead.
        await using var recount = new NpgsqlCommand(RecountSql, connection) { CommandTimeout = (int)timeout.TotalSeconds + 60 };
        recount.Parameters.Add(new NpgsqlParameter<string> { TypedValue = timeZone });
        IReadOnlyList<DayCounts> days;
        try
        {
            days = await ReadAsync(recount, cancellationToken);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.QueryCanceled && !cancellationToken.IsCancellationRequested)
        {
            return null;
        }

        await transaction.CommitAsync(cancellationToken);
        return new DaysRecount(snapshot, isOurs, DailyCounts.Empty.Add(days));
    }

    /// <summary>What was recorded of days between two snapshots.</summary>
    public async Task<IReadOnlyList<DayCounts>> ReadRecordedAsync(PgSnapshot after, PgSnapshot upTo, CancellationToken cancellationToken)
    {
        await using var recorded = new NpgsqlCommand(RecordedSql, connection);
        recorded.Parameters.Add(new NpgsqlParameter<string> { TypedValue = timeZone });
        recorded.Parameters.Add(new NpgsqlParameter<string> { TypedValue = after.ToString() });
        recorded.Parameters.Add(new NpgsqlParameter<string> { TypedValue = upTo.ToString() });
        return await ReadAsync(recorded, cancellationToken);
    }

    private static async Task<IReadOnlyList<DayCounts>> ReadAsync(NpgsqlCommand command, CancellationToken cancellationToken)
    {
        var days = new List<DayCounts>();
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            days.Add(new DayCounts(await reader.GetFieldValueAsync<DateOnly>(0, cancellationToken), reader.GetInt64(1), reader.GetInt64(2), reader.GetInt64(3), reader.GetInt64(4)));
        }

        return days;
    }
}

/// <summary>All days, from the tables, at one snapshot.</summary>
/// <param name="Snapshot">The snapshot.</param>
/// <param name="IsOurs">Whether the database is the one on which the feed is registered; another server that answers to the same address is not.</param>
/// <param name="Days">The days.</param>
internal sealed record DaysRecount(PgSnapshot Snapshot, bool IsOurs, DailyCounts Days);
