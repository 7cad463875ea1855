using CacheService.Postgres.Embedded;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace CacheService.LoadTests.Machine;

/// <summary>A PostgreSQL of the load test's own, as safe as a user's: what is committed is on the disk.</summary>
internal sealed class LoadTestServer : IAsyncDisposable
{
    // Room for the tables in memory, and no checkpoint that falls into one candidate's round and not into the other's.
    private static readonly Dictionary<string, string> Settings = new()
    {
        ["shared_buffers"] = "512MB",
        ["max_wal_size"] = "8GB",
        ["checkpoint_timeout"] = "30min",
        ["max_connections"] = "200",
    };

    private readonly EmbeddedPostgres _server;
    private readonly DataLayout _layout;

    private LoadTestServer(EmbeddedPostgres server, string folder, string programs)
    {
        (_server, _layout, Programs) = (server, new DataLayout(folder), programs);
        Processes = new ProcessTree("PostgreSQL", PostmasterPid.Read(_layout.Cluster)!.Pid);
    }

    public string ConnectionString => _server.ConnectionString;

    /// <summary>The folder of its programs.</summary>
    public string Programs { get; }

    public ProcessTree Processes { get; }

    public static async Task<LoadTestServer> StartAsync(string folder, CancellationToken cancellationToken)
    {
        var options = new EmbeddedOptions { DataDirectory = folder, StopTimeout = TimeSpan.FromSeconds(10) };
        var server = await EmbeddedPostgres.StartAsync(options, Settings, NullLogger.Instance, cancellationToken);
        var binaries = await PostgresBinaries.FindAsync(
            Environment.GetEnvironmentVariable("PG_HOME"), Environment.GetEnvironmentVariable("PATH"), PostgresPlaces.Usual(),
            new DataLayout(folder).ClusterVersion, cancellationToken);
        return new LoadTestServer(server, folder, binaries.Folder);
    }

    /// <summary>Starts a standby of it that follows by a slot, and tells what its readers still need.</summary>
    /// <param name="program">pg_basebackup.</param>
    /// <param name="slot">A replication slot.</param>
    /// <param name="folder">Where its data goes.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task<EmbeddedPostgres> StartStandbyAsync(string program, string slot, string folder, CancellationToken cancellationToken)
    {
        var user = ServerUser.Current();
        var layout = new DataLayout(folder);
        OwnedFile.CreateFolder(layout.Root, passable: !user.IsSelf);
        await user.CreateFolderAsync(layout.Cluster, cancellationToken);
        var primary = new NpgsqlConnectionStringBuilder(ConnectionString);
        string[] copy = user.Command(program, "-D", layout.Cluster, "-h", primary.Host!, "-p", $"{primary.Port}", "-U", primary.Username!, "-S", slot, "-R", "-c", "fast");
        await ChildProcess.RunAsync(copy[0], copy[1..], new Dictionary<string, string> { ["PGPASSWORD"] = primary.Password! }, cancellationToken);
        File.Copy(_layout.PassFile, layout.PassFile);
        var settings = new Dictionary<string, string>(Settings) { ["hot_standby_feedback"] = "on", ["wal_receiver_status_interval"] = "1s" };
        return await EmbeddedPostgres.StartAsync(new EmbeddedOptions { DataDirectory = folder }, settings, NullLogger.Instance, cancellationToken);
    }

    /// <summary>Its version, and the settings that the figures depend on.</summary>
    public async Task<IReadOnlyDictionary<string, string>> DescribeAsync(CancellationToken cancellationToken)
    {
        const string Sql =
            """
            select name, current_setting(name)
              from pg_settings
             where name in ('server_version', 'fsync', 'synchronous_commit', 'full_page_writes', 'wal_level', 'shared_buffers', 'work_mem',
                            'max_wal_size', 'checkpoint_timeout', 'autovacuum', 'max_connections')
             order by name <> 'server_version', name
            """;
        await using var source = NpgsqlDataSource.Create(ConnectionString);
        await using var command = source.CreateCommand(Sql);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var settings = new Dictionary<string, string>();
        while (await reader.ReadAsync(cancellationToken))
        {
            settings.Add(reader.GetString(0), reader.GetString(1));
        }

        return settings;
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();
}
