using Npgsql;
using NpgsqlTypes;

namespace CacheService.Feed;

/// <summary>Waits for transactions that began before the lease was set: their triggers may have seen no lease, and recorded nothing.</summary>
internal static class EarlierTransactions
{
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(20);

    // pg_locks shows every running transaction's id to everybody. It has only 32 bits of it; age() orders those.
    private const string OldestSql =
        """
        select coalesce(l.pid, 0), coalesce(a.datname, ''), coalesce(extract(epoch from clock_timestamp() - a.xact_start), 0)::float8
          from pg_locks l left join pg_stat_activity a using (pid)
         where l.locktype = 'transactionid' and l.mode = 'ExclusiveLock' and l.granted
         order by age(l.transactionid) desc
         limit 1
        """;

    public static async Task WaitForEndAsync(NpgsqlDataSource database, Action<string> waiting, CancellationToken cancellationToken)
    {
        // A transaction of its own, begun after the lease was set: whoever has a lower id may have read the old lease, and nobody else.
        ulong ours;
        await using (var begin = database.CreateCommand("select pg_current_xact_id()"))
        {
            ours = (ulong)(await begin.ExecuteScalarAsync(cancellationToken))!;
        }

        while (!await HaveEndedAsync(database, ours, cancellationToken))
        {
            waiting(await DescribeOldestAsync(database, cancellationToken));
            await Task.Delay(PollInterval, cancellationToken);
        }
    }

    private static async Task<bool> HaveEndedAsync(NpgsqlDataSource database, ulong before, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand("select pg_snapshot_xmin(pg_current_snapshot()) >= $1");
        command.Parameters.Add(new NpgsqlParameter<ulong> { TypedValue = before, NpgsqlDbType = NpgsqlDbType.Xid8 });
        return (bool)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    private static async Task<string> DescribeOldestAsync(NpgsqlDataSource database, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(OldestSql);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        if (!await reader.ReadAsync(cancellationToken))
        {
            return "waiting for an earlier transaction to end";
        }

        var pid = reader.GetInt32(0);
        if (pid == 0)
        {
            return "waiting for a prepared transaction to end (see pg_prepared_xacts)";
        }

        // Not its statement: that is not for everybody who may read counts.
        return $"waiting for an earlier transaction to end: pid {pid} on database {reader.GetString(1)}, open for {reader.GetDouble(2):F0} s (see pg_stat_activity)";
    }
}
