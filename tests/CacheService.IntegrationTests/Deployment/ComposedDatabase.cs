using System.Diagnostics;
using CacheService.IntegrationTests.Infrastructure;
using CacheService.IntegrationTests.Interop;
using Npgsql;

namespace CacheService.IntegrationTests.Deployment;

/// <summary>A PostgreSQL whose database <c>app</c> was set up as that of deploy/compose.yaml is: by deploy/postgres/install.sh.</summary>
internal sealed class ComposedDatabase : ITestDatabase, IAsyncDisposable
{
    /// <summary>The password of the service's role.</summary>
    public const string Password = "opensesame";

    private readonly PrivateServer _server;

    private ComposedDatabase(PrivateServer server)
    {
        _server = server;
        ConnectionString = new NpgsqlConnectionStringBuilder(server.ConnectionString) { Database = "app" }.ConnectionString;
    }

    /// <summary>As its owner.</summary>
    public string ConnectionString { get; }

    public int Port => _server.Port;

    public static async Task<ComposedDatabase> StartAsync()
    {
        var server = await PrivateServer.StartAsync();
        await server.ExecuteAsync("create database app");
        var database = new ComposedDatabase(server);
        var owner = new NpgsqlConnectionStringBuilder(database.ConnectionString);
        var (code, output) = await ForeignProgram.RunToEndAsync(new ProcessStartInfo("bash", [SourceFolder.PathOf("deploy/postgres/install.sh")])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment =
            {
                ["POSTGRES_USER"] = owner.Username,
                ["POSTGRES_DB"] = owner.Database,
                ["COUNTS_PASSWORD"] = Password,
                ["SQL_FOLDER"] = SourceFolder.PathOf("sql"),
                ["PGHOST"] = owner.Host,
                ["PGPORT"] = $"{owner.Port}",
                ["PGPASSWORD"] = owner.Password,
                ["PATH"] = $"{await PostgresTools.FolderAsync()}:{Environment.GetEnvironmentVariable("PATH")}",
            },
        });
        Assert.That(code, Is.Zero, output);
        await database.AddMessagesAsync(3);
        return database;
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();
}
