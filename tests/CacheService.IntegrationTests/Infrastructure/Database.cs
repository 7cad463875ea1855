using CacheService.Postgres;
using Npgsql;

namespace CacheService.IntegrationTests.Infrastructure;

/// <summary>Short ways to write and read the application's tables.</summary>
internal static class Database
{
    /// <summary>Runs statements in one implicit transaction.</summary>
    public static async Task ExecuteAsync(this ITestDatabase database, string sql)
    {
        await using var connection = await database.OpenAsync();
        await connection.ExecuteAsync(sql);
    }

    public static async Task ExecuteAsync(this NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    public static async Task<T> QueryAsync<T>(this ITestDatabase database, string sql)
    {
        await using var connection = await database.OpenAsync();
        return await connection.QueryAsync<T>(sql);
    }

    public static async Task<T> QueryAsync<T>(this NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    public static async Task<NpgsqlConnection> OpenAsync(this ITestDatabase database)
    {
        var connection = new NpgsqlConnection(database.ConnectionString);
        await connection.OpenAsync();
        return connection;
    }

    /// <summary>A user, and messages with the ids 1 to <paramref name="count"/>.</summary>
    public static Task AddMessagesAsync(this ITestDatabase database, int count) => database.ExecuteAsync(
        $"""
        insert into tweet.users (uname) values ('Puck') on conflict do nothing;
        insert into tweet.message (userid, message) select userid, 'message ' || n from tweet.users, generate_series(1, {count}) n where uname = 'Puck'
        """);

    /// <summary>The truth: the view's counts of every message.</summary>
    public static async Task<Dictionary<long, (long Retweets, long Likes)>> ReadViewAsync(this ITestDatabase database)
    {
        await using var connection = await database.OpenAsync();
        await using var command = new NpgsqlCommand("select messageid, rts, favs from tweet.message_with_counters", connection);
        await using var reader = await command.ExecuteReaderAsync();
        var counts = new Dictionary<long, (long, long)>();
        while (await reader.ReadAsync())
        {
            counts.Add(reader.GetInt64(0), (reader.GetInt64(1), reader.GetInt64(2)));
        }

        return counts;
    }

    /// <summary>Applies the files of sql/, one by one by psql, in the order of their names.</summary>
    /// <param name="database">Whose sessions are ended by nobody meanwhile.</param>
    /// <param name="connectionString">As whom; null: as the database's own string says.</param>
    public static async Task ApplySchemaByPsqlAsync(this ITestDatabase database, string? connectionString = null)
    {
        var folder = Directory.CreateTempSubdirectory("sql-");
        foreach (var name in SqlFiles.Names)
        {
            var path = Path.Combine(folder.FullName, name);
            await File.WriteAllTextAsync(path, SqlFiles.Read(name));
            // What takes a lock for a moment only may not get it: then once more, as the file says.
            await Wait.UntilAsync(
                async () =>
                {
                    var result = await PostgresTools.TryRunAsync("psql", connectionString ?? database.ConnectionString, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", path);
                    Assert.That(result.Succeeded || result.Output.Contains("lock timeout", StringComparison.Ordinal), $"psql -f {name}: {result.Output}");
                    return result.Succeeded;
                },
                RunningService.Patience,
                $"psql has applied {name}");
        }

        folder.Delete(recursive: true);
    }

    /// <summary>Applies the files of sql/, as the service does: again where a lock was not to be had.</summary>
    public static async Task ApplySchemaAsync(this ITestDatabase database)
    {
        await using var connection = await database.OpenAsync();
        foreach (var file in SqlFiles.Names)
        {
            // The files wait for a lock for a moment only.
            await Wait.UntilAsync(() => TryExecuteAsync(connection, SqlFiles.Read(file)), RunningService.Patience, $"{file} is applied");
        }
    }

    private static async Task<bool> TryExecuteAsync(NpgsqlConnection connection, string sql)
    {
        try
        {
            await connection.ExecuteAsync(sql);
            return true;
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.LockNotAvailable)
        {
            await connection.ExecuteAsync("rollback");
            return false;
        }
    }
}
