using CacheService.Postgres.Embedded;
using Npgsql;

namespace CacheService.IntegrationTests.Infrastructure;

/// <summary>A PostgreSQL of a test's own, to be stopped, crashed, frozen, copied and promoted.</summary>
internal sealed class PrivateServer : ITestDatabase, IAsyncDisposable
{
    private static readonly TimeSpan CopyTimeout = TimeSpan.FromSeconds(60);

    private readonly string _folder;
    private readonly EmbeddedPostgres _server;
    private int[] _frozen = [];

    private PrivateServer(string folder, EmbeddedPostgres server)
    {
        _folder = folder;
        _server = server;
        // Pooled connections would outlive what the tests do to them.
        ConnectionString = new NpgsqlConnectionStringBuilder(server.ConnectionString) { Pooling = false }.ConnectionString;
    }

    public string ConnectionString { get; }

    public int Port => _server.Port;

    private DataLayout Layout => new(_folder);

    /// <summary>The process of which all others of the server are children.</summary>
    public int Postmaster => PostmasterPid.Read(Layout.Cluster)?.Pid ?? throw new InvalidOperationException("The server does not run.");

    /// <summary>Starts one.</summary>
    /// <param name="settings">Settings of postgresql.conf besides those of all test servers.</param>
    public static async Task<PrivateServer> StartAsync(params (string Name, string Value)[] settings)
    {
        var folder = TestFolders.NewPath();
        return new PrivateServer(folder, await TestServer.StartEmbeddedAsync(folder, settings));
    }

    /// <summary>Stops it; its port and its data stay. Immediately: as a crash, after which it recovers and unlogged tables are empty.</summary>
    public Task StopAsync(bool immediate) => _server.PauseAsync(immediate);

    /// <summary>Starts it again.</summary>
    public Task StartAgainAsync() => _server.ResumeAsync(CancellationToken.None);

    /// <summary>Starts it again, as a standby that follows nobody.</summary>
    public async Task StartAgainAsStandbyAsync()
    {
        await BecomeStandbyAsync(Layout);
        await StartAgainAsync();
    }

    /// <summary>No process of the server runs until <see cref="ThawAsync"/>.</summary>
    public async Task FreezeAsync()
    {
        // The postmaster first: then there are no new ones.
        await ProcessSignals.FreezeAsync(Postmaster);
        _frozen = ProcessSignals.WithDescendants(Postmaster);
        await ProcessSignals.FreezeAsync(_frozen);
    }

    public async Task ThawAsync()
    {
        await ProcessSignals.ThawAsync(_frozen);
        _frozen = [];
    }

    /// <summary>Copies it into a standby that follows it. Stops it for as long as that takes.</summary>
    public async Task<PrivateServer> StartStandbyAsync()
    {
        var user = ServerUser.Current();
        var folder = TestFolders.NewPath();
        var layout = new DataLayout(folder);
        OwnedFile.CreateFolder(folder, passable: !user.IsSelf);
        await StopAsync(immediate: false);
        await CopyAsync(Layout.Cluster, layout.Cluster);
        await StartAgainAsync();

        File.Copy(Layout.PassFile, layout.PassFile);
        var owner = new NpgsqlConnectionStringBuilder(ConnectionString);
        await File.AppendAllTextAsync(
            Path.Combine(layout.Cluster, "postgresql.auto.conf"),
            $"primary_conninfo = 'host=127.0.0.1 port={Port} user={owner.Username} password={owner.Password}'\n");
        await BecomeStandbyAsync(layout);
        return new PrivateServer(folder, await TestServer.StartEmbeddedAsync(folder));
    }

    /// <summary>Copies its data beside it, as it is at one moment: whole if it does not run, else as the snapshot of a disk, from which it recovers as from a crash.</summary>
    /// <returns>The copy, for <see cref="PutBackAsync"/>.</returns>
    public async Task<string> CopyDataAsync()
    {
        var copy = Path.Combine(_folder, $"copy-{Guid.NewGuid():N}");
        var isRunning = PostmasterPid.Read(Layout.Cluster) is not null;
        if (isRunning)
        {
            await FreezeAsync();
        }

        try
        {
            await CopyAsync(Layout.Cluster, copy);
        }
        finally
        {
            await ThawAsync();
        }

        File.Delete(Path.Combine(copy, "postmaster.pid"));
        return copy;
    }

    /// <summary>Replaces its data by a copy; it must not run.</summary>
    public async Task PutBackAsync(string copy)
    {
        Directory.Delete(Layout.Cluster, recursive: true);
        await CopyAsync(copy, Layout.Cluster);
    }

    /// <summary>Starts another server on a copy of its data, as it is now: with the same roles, and the same system identifier.</summary>
    /// <param name="clean">Whether it is stopped for the copy; else the twin recovers as from a crash.</param>
    public async Task<PrivateServer> StartTwinAsync(bool clean)
    {
        var folder = TestFolders.NewPath();
        var layout = new DataLayout(folder);
        OwnedFile.CreateFolder(folder, passable: !ServerUser.Current().IsSelf);
        if (clean)
        {
            await StopAsync(immediate: false);
        }

        var copy = await CopyDataAsync();
        if (clean)
        {
            await StartAgainAsync();
        }

        Directory.Move(copy, layout.Cluster);
        File.Copy(Layout.PassFile, layout.PassFile);
        return new PrivateServer(folder, await TestServer.StartEmbeddedAsync(folder));
    }

    /// <summary>Ends the recovery: a standby becomes a primary.</summary>
    public Task PromoteAsync() => this.ExecuteAsync("select pg_promote()");

    /// <summary>Switches TLS on, with a certificate and its key in PEM.</summary>
    public async Task UseTlsAsync(string certificate, string key)
    {
        foreach (var (name, text) in new[] { ("server.crt", certificate), ("server.key", key) })
        {
            var path = Path.Combine(Layout.Cluster, name);
            await OwnedFile.WriteSecretAsync(path, text, CancellationToken.None);
            await ServerUser.Current().OwnAsync(path, CancellationToken.None);
        }

        await using var connection = await this.OpenAsync();
        await connection.ExecuteAsync("alter system set ssl = on");
        await connection.ExecuteAsync("select pg_reload_conf()");
    }

    public async ValueTask DisposeAsync()
    {
        await ThawAsync();
        await _server.StopAsync();
        TestFolders.Delete(_folder);
    }

    // By the system's own means: not every installation brings pg_basebackup.
    private static async Task CopyAsync(string from, string to)
    {
        var copy = await Command.RunAsync(["cp", "-a", from, to], CopyTimeout, CancellationToken.None);
        Assert.That(copy.Succeeded, copy.Output);
    }

    private static async Task BecomeStandbyAsync(DataLayout layout)
    {
        var signal = Path.Combine(layout.Cluster, "standby.signal");
        await File.WriteAllTextAsync(signal, "");
        await ServerUser.Current().OwnAsync(signal, CancellationToken.None);
    }
}
