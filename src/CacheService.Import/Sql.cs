using Npgsql;

namespace CacheService.Import;

/// <summary>Short ways to ask the database.</summary>
internal static class Sql
{
    /// <summary>A statement without an answer.</summary>
    /// <returns>How many rows it changed.</returns>
    public static async Task<int> ExecuteAsync(this NpgsqlConnection connection, string sql, CancellationToken cancellationToken, params object[] parameters)
    {
        await using var command = Command(connection, sql, parameters);
        return await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>All rows of an answer.</summary>
    public static async Task<List<T>> QueryAsync<T>(this NpgsqlConnection connection, string sql, Func<NpgsqlDataReader, T> read, CancellationToken cancellationToken, params object[] parameters)
    {
        await using var command = Command(connection, sql, parameters);
        return await ReadAsync(command, read, cancellationToken);
    }

    /// <summary>All rows of an answer to what is asked again and again: the session keeps it as the server understood it the first time.</summary>
    public static async Task<List<T>> QueryPreparedAsync<T>(
        this NpgsqlConnection connection, string sql, Func<NpgsqlDataReader, T> read, CancellationToken cancellationToken, params object[] parameters)
    {
        await using var command = Command(connection, sql, parameters);
        await command.PrepareAsync(cancellationToken);
        return await ReadAsync(command, read, cancellationToken);
    }

    private static async Task<List<T>> ReadAsync<T>(NpgsqlCommand command, Func<NpgsqlDataReader, T> read, CancellationToken cancellationToken)
    {
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var rows = new List<T>();
        while (await reader.ReadAsync(cancellationToken))
        {
            rows.Add(read(reader));
        }

        return rows;
    }

    /// <summary>One value.</summary>
    public static async Task<T> ValueAsync<T>(this NpgsqlConnection connection, string sql, CancellationToken cancellationToken, params object[] parameters)
    {
        await using var command = Command(connection, sql, parameters);
        return (T)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <summary>One transaction that answers something.</summary>
    public static async Task<T> AskAsync<T>(this IImportSession session, Func<NpgsqlConnection, Task<T>> work, CancellationToken cancellationToken)
    {
        T answer = default!;
        await session.RunAsync(async connection => answer = await work(connection), cancellationToken);
        return answer;
    }

    private static NpgsqlCommand Command(NpgsqlConnection connection, string sql, object[] parameters)
    {
        // A large file's index may take its time; whoever waits can stop it.
        var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
        foreach (var parameter in parameters)
        {
            command.Parameters.Add(new NpgsqlParameter { Value = parameter });
        }

        return command;
    }
}
