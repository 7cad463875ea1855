using CacheService.IntegrationTests.Infrastructure;
using Npgsql;

namespace CacheService.IntegrationTests.AnyDatabase;

/// <summary>
/// A database of a trial's own, on the shared server or on another, with two roles: the owner, and <c>counts</c>, as which the service runs,
/// which is nothing but a member of twcache_reader. Roles belong to the whole server, so their names are made up.
/// </summary>
internal sealed class TrialDatabase : ITestDatabase, IAsyncDisposable
{
    private readonly string _server;
    private readonly string _password = Guid.NewGuid().ToString("N");
    private readonly List<string> _others = [];

    private TrialDatabase(string server)
    {
        _server = new NpgsqlConnectionStringBuilder(server) { Pooling = false }.ConnectionString;
        var suffix = Guid.NewGuid().ToString("N")[..12];
        (Name, Counts, Owner) = ($"trial_{suffix}", $"counts_{suffix}", $"owner_{suffix}");
        ConnectionString = ConnectionStringFor(null);
    }

    /// <summary>Its name.</summary>
    public string Name { get; }

    /// <summary>The least role.</summary>
    public string Counts { get; }

    /// <summary>The role that owns the database, and what it makes there; no superuser.</summary>
    public string Owner { get; }

    /// <summary>As a superuser, from whom row security hides nothing.</summary>
    public string ConnectionString { get; }

    /// <summary>As the least role.</summary>
    public string AsCounts => ConnectionStringFor(Counts);

    /// <summary>As the owner.</summary>
    public string AsOwner => ConnectionStringFor(Owner);

    /// <summary>An empty database. Its roles have no rights yet but what everybody has.</summary>
    public static async Task<TrialDatabase> CreateEmptyAsync(ITestDatabase? server = null)
    {
        var database = new TrialDatabase(server?.ConnectionString ?? TestServer.ConnectionString);
        foreach (var role in (string[])[database.Counts, database.Owner])
        {
            await database.OnServerAsync($"create role {role} login password '{database._password}'");
        }

        await database.OnServerAsync($"create database {database.Name} owner {database.Owner}");
        return database;
    }

    /// <summary>A database with the application's tables in a shape, the files of sql/ applied by a superuser, and five messages of one retweet each.</summary>
    /// <param name="shape">Statements that make the tables; empty: sql/ makes them.</param>
    /// <param name="server">Where; null: on the shared server.</param>
    /// <param name="log">The form of the log: change or table.</param>
    public static async Task<TrialDatabase> CreateAsync(string shape = "", ITestDatabase? server = null, string log = "change")
    {
        var database = await CreateEmptyAsync(server);
        if (shape.Length > 0)
        {
            await database.ExecuteAsync(shape);
        }

        await database.ApplySchemaAsync();
        await database.ExecuteAsync($"select * from twcache.set_log('{log}')");
        await database.GrantReaderAsync();
        await database.FillAsync();
        return database;
    }

    /// <summary>Makes the role of the service a member of twcache_reader.</summary>
    public Task GrantReaderAsync() => this.ExecuteAsync($"grant twcache_reader to {Counts}");

    /// <summary>Five messages of one retweet each.</summary>
    public async Task FillAsync()
    {
        await this.AddMessagesAsync(5);
        await this.ExecuteAsync("insert into tweet.activity (messageid, action) select messageid, 'rt' from tweet.message");
    }

    /// <summary>Runs statements elsewhere on the server: outside of a transaction if it is one, and not in this database.</summary>
    public async Task OnServerAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(_server);
        await connection.OpenAsync();
        await connection.ExecuteAsync(sql);
    }

    /// <summary>Another database on the same server, empty; or under the name of one that the caller makes.</summary>
    public async Task<ITestDatabase> CreateOtherAsync(string suffix, bool create = true)
    {
        var name = $"{Name}_{suffix}";
        _others.Add(name);
        if (create)
        {
            await OnServerAsync($"create database {name}");
        }

        return new Other(new NpgsqlConnectionStringBuilder(ConnectionString) { Database = name }.ConnectionString);
    }

    /// <summary>Nobody may be connected where a database is cloned or renamed: ends all sessions, and lets nobody in until <see cref="OpenAgainAsync"/>.</summary>
    public async Task CloseAsync()
    {
        await OnServerAsync($"alter database {Name} allow_connections false");
        await OnServerAsync($"select pg_terminate_backend(pid, 10000) from pg_stat_activity where datname = '{Name}'");
    }

    /// <summary>Lets everybody in again.</summary>
    public Task OpenAgainAsync() => OnServerAsync($"alter database {Name} allow_connections true");

    /// <summary>As a role, to an address that leads to this server by another way.</summary>
    public string ConnectionStringBy(int port, string? role) => new NpgsqlConnectionStringBuilder(ConnectionStringFor(role)) { Port = port }.ConnectionString;

    public async ValueTask DisposeAsync()
    {
        foreach (var name in _others.Append(Name))
        {
            await OnServerAsync($"drop database if exists {name} with (force)");
        }

        foreach (var role in (string[])[Counts, Owner])
        {
            await OnServerAsync($"drop role if exists {role}");
        }
    }

    private string ConnectionStringFor(string? role)
    {
        var builder = new NpgsqlConnectionStringBuilder(_server) { Database = Name };
        if (role is not null)
        {
            (builder.Username, builder.Password) = (role, _password);
        }

        return builder.ConnectionString;
    }

    private sealed record Other(string ConnectionString) : ITestDatabase;
}
