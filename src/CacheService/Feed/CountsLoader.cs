using CacheService.Counts;
using Npgsql;

namespace CacheService.Feed;

/// <summary>Reads all counts at one snapshot.</summary>
internal static class CountsLoader
{
    /// <summary>From here on a load leaves behind more memory than it is good to keep.</summary>
    private const int ManyMessages = 100_000;

    private const int BufferSize = 16 * 1024;

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
            $"begin isolation level repeatable read read only; set local statement_timeout = '{timeout.TotalMilliseconds:F0}'; set local work_mem = '{workMemoryMegabytes}MB'; lock table tweet.message, tweet.activity in access share mode",
            cancellationToken);

        var takenAt = time.GetTimestamp();
        PgSnapshot snapshot;
        await using (var command = new NpgsqlCommand("select pg_current_snapshot()::text", connection))
        {
            snapshot = PgSnapshot.Parse((string)(await command.ExecuteScalarAsync(cancellationToken))!);
        }

        var load = store.BeginLoad();
        // Nothing to await, on a thread of its own: each of millions of rows is a read, which costs much less that way.
        await Task.Factory.StartNew(
            () => Copy(connection, load, timeout, cancellationToken), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        await RunAsync(connection, "commit", cancellationToken);
        store.Load(load, snapshot, takenAt);
        if (store.Version!.Messages >= ManyMessages)
        {
            // What the load replaced and outgrew is more than the counts themselves, and nothing else would ask the system's memory back for long.
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        }
    }

    private static void Copy(NpgsqlConnection connection, CountsLoad load, TimeSpan timeout, CancellationToken cancellationToken)
    {
        using var copy = connection.BeginRawBinaryCopy(CopySql);
        using var cancelling = cancellationToken.Register(copy.Cancel);
        // The query works for as long as the tables are large before its first row comes.
        copy.ReadTimeout = (int)timeout.TotalMilliseconds;
        try
        {
            Read(copy, new CopiedCounts(load));
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
