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
        await using var command = database.CreateCommand("select twcache.earlier_transaction($1)");
        command.Parameters.Add(new NpgsqlParameter<ulong> { TypedValue = before, NpgsqlDbType = NpgsqlDbType.Xid8 });
        return await command.ExecuteScalarAsync(cancellationToken) as string;
    }
}
