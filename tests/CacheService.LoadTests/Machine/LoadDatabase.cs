using CacheService.Postgres;
using Npgsql;

namespace CacheService.LoadTests.Machine;

/// <summary>A database of one part, dropped when disposed.</summary>
internal sealed class LoadDatabase : IAsyncDisposable
{
    private static readonly TimeSpan RollupPoll = TimeSpan.FromMilliseconds(100);

    private readonly string _serverConnectionString;
    private readonly NpgsqlDataSource _source;

    private LoadDatabase(string serverConnectionString, string name)
    {
        (_serverConnectionString, Name) = (serverConnectionString, name);
        // Some statements here fill or count tables of any size.
        ConnectionString = new NpgsqlConnectionStringBuilder(serverConnectionString) { Database = name, CommandTimeout = 0 }.ConnectionString;
        _source = NpgsqlDataSource.Create(ConnectionString);
    }

    public string Name { get; }

    public string ConnectionString { get; }

    /// <summary>With the product's tables and triggers, or as a copy of another database.</summary>
    public static async Task<LoadDatabase> CreateAsync(LoadTestServer server, string name, LoadDatabase? template, CancellationToken cancellationToken)
    {
        if (template is not null)
        {
            // A database can be copied only while nobody is connected to it.
            template._source.Clear();
        }

        await OnServerAsync(server.ConnectionString, $"create database {name} {(template is null ? "" : $"template {template.Name}")}", cancellationToken);
        var database = new LoadDatabase(server.ConnectionString, name);
        if (template is null)
        {
            foreach (var file in SqlFiles.Names)
            {
                await database.ExecuteAsync(SqlFiles.Read(file), cancellationToken);
            }
        }

        return database;
    }

    public ValueTask<NpgsqlConnection> OpenAsync(CancellationToken cancellationToken) => _source.OpenConnectionAsync(cancellationToken);

    public async Task ExecuteAsync(string sql, CancellationToken cancellationToken)
    {
        await using var command = _source.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    public async Task<T> QueryAsync<T>(string sql, CancellationToken cancellationToken)
    {
        await using var command = _source.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <summary>
    /// Messages 1 to <paramref name="messages"/>, each with that many rows of activity. The rows of one message lie far apart, as they do
    /// where activity comes in by and by. No foreign key is checked.
    /// </summary>
    public async Task FillAsync(int messages, int rows, CancellationToken cancellationToken)
    {
        await ExecuteAsync(
            $"""
            set session_replication_role = replica;
            insert into tweet.users (userid, uname) values (1, 'Puck');
            insert into tweet.message (messageid, userid, message) select n, 1, 'message ' || n from generate_series(1, {messages}) n;
            insert into tweet.activity (messageid, action)
                select 1 + n % {messages}, ('[0:7]={"{rt,fav,rt,fav,fav,de-rt,rt,de-fav}"}'::tweet.action_t[])[(n / {messages} + n) % 8]
                  from generate_series(0, {(long)messages * rows - 1}) n;
            reset session_replication_role
            """,
            cancellationToken);
        await TidyAsync(cancellationToken);
    }

    /// <summary>Waits until the counts are written back.</summary>
    public async Task RollUpAsync(CancellationToken cancellationToken)
    {
        while (!await QueryAsync<bool>("select counted from twcache.roll_up()", cancellationToken))
        {
            await Task.Delay(RollupPoll, cancellationToken);
        }
    }

    /// <summary>What autovacuum would do in the middle of the measurement, done before.</summary>
    public async Task TidyAsync(CancellationToken cancellationToken)
    {
        await ExecuteAsync("vacuum (analyze) tweet.message, tweet.activity", cancellationToken);
        await ExecuteAsync("checkpoint", cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        await _source.DisposeAsync();
        await OnServerAsync(_serverConnectionString, $"drop database if exists {Name} with (force)", CancellationToken.None);
    }

    private static async Task OnServerAsync(string connectionString, string sql, CancellationToken cancellationToken)
    {
        await using var source = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(connectionString) { CommandTimeout = 0 });
        await using var command = source.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
