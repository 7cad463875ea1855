using System.Diagnostics;
using CacheService.Feed;
using CacheService.LoadTests.Machine;
using CacheService.Postgres;
using Npgsql;

namespace CacheService.LoadTests.Startup;

/// <summary>The counts of all messages, copied out of PostgreSQL and thrown away: no load can be faster by the same query.</summary>
internal static class BareCopy
{
    private static readonly string Sql =
        $"""
        copy (
            select m.messageid, coalesce(a.rts, 0), coalesce(a.favs, 0)
              from tweet.message m
              left join (select messageid,
                                {ActivitySums.Columns()}
                           from tweet.activity
                          group by messageid) a using (messageid)
        ) to stdout (format binary)
        """;

    private const int BufferSize = 1 << 16;

    /// <summary>Seconds.</summary>
    public static async Task<double> RunAsync(LoadDatabase database, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        // As much memory as the service gives it.
        await using var command = new NpgsqlCommand($"set work_mem = '{new FeedOptions().LoadWorkMemory}MB'", connection);
        await command.ExecuteNonQueryAsync(cancellationToken);

        var start = Stopwatch.GetTimestamp();
        await using var copy = await connection.BeginRawBinaryCopyAsync(Sql, cancellationToken);
        var buffer = new byte[BufferSize];
        while (await copy.ReadAsync(buffer, cancellationToken) > 0)
        {
            // Thrown away.
        }

        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
