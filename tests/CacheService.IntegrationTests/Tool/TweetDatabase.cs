using CacheService.IntegrationTests.Infrastructure;
using CacheService.Postgres;
using Npgsql;

namespace CacheService.IntegrationTests.Tool;

/// <summary>A database with the application's schema and nothing in it.</summary>
internal sealed class TweetDatabase : IAsyncDisposable
{
    private readonly TestDatabase _database;
    private readonly NpgsqlDataSource _source;

    private TweetDatabase(TestDatabase database)
    {
        _database = database;
        _source = NpgsqlDataSource.Create(database.ConnectionString);
    }

    public string ConnectionString => _database.ConnectionString;

    public static async Task<TweetDatabase> CreateAsync()
    {
        var database = new TweetDatabase(await TestDatabase.CreateAsync());
        foreach (var file in SqlFiles.All)
        {
            await database.ExecuteAsync(file.Text);
        }

        return database;
    }

    public async Task<int> ExecuteAsync(string sql)
    {
        await using var command = _source.CreateCommand(sql);
        return await command.ExecuteNonQueryAsync();
    }

    public async Task<long> NumberAsync(string sql)
    {
        await using var command = _source.CreateCommand(sql);
        return (long)(await command.ExecuteScalarAsync())!;
    }

    /// <summary>The first column of all rows, as text.</summary>
    public async Task<IReadOnlyList<string>> ColumnAsync(string sql)
    {
        await using var command = _source.CreateCommand(sql);
        await using var rows = await command.ExecuteReaderAsync();
        var values = new List<string>();
        while (await rows.ReadAsync())
            values.Add(rows.GetString(0));
        return values;
    }

    public async ValueTask DisposeAsync()
    {
        await _source.DisposeAsync();
        await _database.DisposeAsync();
    }
}
