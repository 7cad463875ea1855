using CacheService.Counts;
using Npgsql;

namespace CacheService.Feed;

/// <summary>Reads all counts at one snapshot.</summary>
internal static class CountsLoader
{
    private const string CopySql =
        """
        copy (
            select m.messageid, coalesce(a.rts, 0), coalesce(a.favs, 0)
              from tweet.message m
              left join (select messageid,
                                count(*) filter (where action = 'rt')  - count(*) filter (where action = 'de-rt')  as rts,
                                count(*) filter (where action = 'fav') - count(*) filter (where action = 'de-fav') as favs
                           from tweet.activity
                          group by messageid) a using (messageid)
        ) to stdout (format binary)
        """;

    /// <summary>Loads into the store, replacing what it held.</summary>
    public static async Task LoadAsync(NpgsqlConnection connection, CountsStore store, int workMemoryMegabytes, TimeSpan timeout, TimeProvider time, CancellationToken cancellationToken)
    {
        // The locks come before the snapshot, which the first query takes: a TRUNCATE in between would show its tables empty to that snapshot.
        await RunAsync(
            connection,
            $"begin isolation level repeatable read read only; set local enable_seqscan = on; set local statement_timeout = '{timeout.TotalMilliseconds:F0}'; set local work_mem = '{workMemoryMegabytes}MB'; lock table tweet.message, tweet.activity in access share mode",
            cancellationToken);

        var takenAt = time.GetTimestamp();
        PgSnapshot snapshot;
        await using (var command = new NpgsqlCommand("select pg_current_snapshot()::text", connection))
        {
            snapshot = PgSnapshot.Parse((string)(await command.ExecuteScalarAsync(cancellationToken))!);
        }

        var messages = await CopyAsync(connection, timeout, cancellationToken);
        await RunAsync(connection, "commit", cancellationToken);
        store.Load(messages, snapshot, takenAt);
    }

    private static async Task<List<CountedMessage>> CopyAsync(NpgsqlConnection connection, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var messages = new List<CountedMessage>();
        await using var copy = await connection.BeginBinaryExportAsync(CopySql, cancellationToken);
        // The query works for as long as the tables are large before its first row comes.
        copy.Timeout = timeout;
        while (await copy.StartRowAsync(cancellationToken) != -1)
        {
            var messageId = await copy.ReadAsync<long>(cancellationToken);
            var retweets = await copy.ReadAsync<long>(cancellationToken);
            var likes = await copy.ReadAsync<long>(cancellationToken);
            messages.Add(new CountedMessage(messageId, new MessageCounts(retweets, likes, 0)));
        }

        return messages;
    }

    private static async Task RunAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
