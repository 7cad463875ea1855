using Npgsql;
using NpgsqlTypes;

namespace CacheService.Feed.Postgres;

/// <summary>
/// Waits for transactions of this database that began before the lease was set: their triggers may have seen no lease, and recorded nothing.
/// Those of other databases of the server have no such triggers.
/// </summary>
internal static class EarlierTransactions
{
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(20);

    // pg_locks shows every running transaction's id to everybody, but the database only of their sessions. It has only 32 bits of an id; age() orders those.
    // A session that is just ending is taken for one of ours.
    private const string OldestSql =
        """
        select pid, open_for from (
            select l.pid, coalesce(extract(epoch from clock_timestamp() - a.xact_start), 0)::float8 as open_for, age(l.transactionid) as age
              from pg_locks l left join pg_stat_activity a using (pid)
             where l.locktype = 'transactionid' and l.mode = 'ExclusiveLock' and l.granted and l.pid is not null
               and coalesce(a.datname, current_database()) = current_database()
            union all
            select 0, coalesce(extract(epoch from clock_timestamp() - prepared), 0)::float8, age(transaction)
              from pg_prepared_xacts
             where database = current_database()) as running
         where age > age($1::xid)
         order by age desc
         limit 1
        """;

    /// <summary>Waits until all of them have ended.</summary>
    /// <param name="database">The database.</param>
    /// <param name="waiting">Told what it waits for, now and then.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public static async Task WaitForEndAsync(NpgsqlDataSource database, Action<string> waiting, CancellationToken cancellationToken)
    {
        // A transaction of its own, begun after the lease was set: whoever has a lower id may have read the old lease, and nobody else.
        ulong ours;
        await using (var begin = database.CreateCommand("select pg_current_xact_id()"))
        {
            ours = (ulong)(await begin.ExecuteScalarAsync(cancellationToken))!;
        }

        while (await DescribeOldestAsync(database, ours, cancellationToken) is { } oldest)
        {
            waiting(oldest);
            await Task.Delay(PollInterval, cancellationToken);
        }
    }

    private static async Task<string?> DescribeOldestAsync(NpgsqlDataSource database, ulong before, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(OldestSql);
        command.Parameters.Add(new NpgsqlParameter<ulong> { TypedValue = before, NpgsqlDbType = NpgsqlDbType.Xid8 });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        if (!await reader.ReadAsync(cancellationToken))
        {
            return null;
        }

        // Not its statement: that is not for everybody who may read counts.
        return reader.GetInt32(0) is > 0 and var pid
            ? $"waiting for an earlier transaction to end: pid {pid}, open for {reader.GetDouble(1):F0} s (see pg_stat_activity)"
            : $"waiting for a prepared transaction to end, prepared {reader.GetDouble(1):F0} s ago (see pg_prepared_xacts)";
    }
}
