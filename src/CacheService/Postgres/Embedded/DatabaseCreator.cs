using Npgsql;

namespace CacheService.Postgres.Embedded;

/// <summary>Creates the database of a connection string if the server lacks it.</summary>
internal static class DatabaseCreator
{
    public static async Task EnsureAsync(string connectionString, CancellationToken cancellationToken)
    {
        var settings = new NpgsqlConnectionStringBuilder(connectionString) { Pooling = false };
        var name = settings.Database!;
        settings.Database = "postgres";
        try
        {
            await using var connection = new NpgsqlConnection(settings.ConnectionString);
            await connection.OpenAsync(cancellationToken);
            await using var find = new NpgsqlCommand("select from pg_database where datname = $1", connection);
            find.Parameters.Add(new NpgsqlParameter { Value = name });
            await using (var found = await find.ExecuteReaderAsync(cancellationToken))
            {
                if (found.HasRows)
                    return;
            }

            await using var create = new NpgsqlCommand($"create database {Quote(name)}", connection);
            await create.ExecuteNonQueryAsync(cancellationToken);
        }
        catch (NpgsqlException e)
        {
            throw new EmbeddedPostgresException($"PostgreSQL has started, but the database {name} cannot be made: {e.Message}", e);
        }
    }

    private static string Quote(string name) => $"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}
