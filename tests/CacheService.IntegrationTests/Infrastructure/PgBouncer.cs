using System.Diagnostics;
using CacheService.Postgres.Embedded;
using Npgsql;

namespace CacheService.IntegrationTests.Infrastructure;

/// <summary>PgBouncer before a server, in transaction mode: each transaction may run on another of the server's sessions.</summary>
internal sealed class PgBouncer : ITestDatabase, IAsyncDisposable
{
    private static readonly string[] Places = ["/usr/sbin", "/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"];

    private readonly string _folder;
    private readonly int _port;
    private readonly string _program;
    private Process? _process;

    private PgBouncer(string program, string folder, int port, ITestDatabase server)
    {
        (_program, _folder, _port) = (program, folder, port);
        ConnectionString = new NpgsqlConnectionStringBuilder(server.ConnectionString) { Host = "127.0.0.1", Port = port, Pooling = false }.ConnectionString;
    }

    public string ConnectionString { get; }

    private string Configuration => Path.Combine(_folder, "pgbouncer.ini");

    /// <summary>Starts one; where there is none to start, the calling test is ignored, and says so.</summary>
    public static async Task<PgBouncer> RequireAsync(ITestDatabase server)
    {
        if (Places.Select(place => Path.Combine(place, "pgbouncer")).FirstOrDefault(File.Exists) is not { } program)
        {
            const string Missing = "There is no pgbouncer (Debian, Ubuntu: apt-get install pgbouncer): the service is NOT tested behind a pooler.";
            await TestContext.Progress.WriteLineAsync($"*** SKIPPED: {Missing}");
            Assert.Ignore(Missing);
            throw new UnreachableException();
        }

        var user = ServerUser.Current();
        var pooler = new PgBouncer(program, TestFolders.NewPath(), LoopbackPort.ChooseNew(), server);
        OwnedFile.CreateFolder(pooler._folder, passable: !user.IsSelf);
        var target = new NpgsqlConnectionStringBuilder(server.ConnectionString);
        var users = Path.Combine(pooler._folder, "users.txt");
        await OwnedFile.WriteSecretAsync(users, $"\"{target.Username}\" \"{target.Password}\"\n", CancellationToken.None);
        await OwnedFile.WritePublicAsync(
            pooler.Configuration,
            $"""
            [databases]
            * = host=127.0.0.1 port={target.Port}
            [pgbouncer]
            listen_addr = 127.0.0.1
            listen_port = {pooler._port}
            unix_socket_dir =
            auth_type = trust
            auth_file = {users}
            pool_mode = transaction
            ignore_startup_parameters = extra_float_digits, options

            """,
            CancellationToken.None);
        await user.OwnAsync(users, CancellationToken.None);
        await pooler.StartAsync();
        return pooler;
    }

    /// <summary>Ends it with all its connections, and starts it again.</summary>
    public async Task RestartAsync()
    {
        await StopAsync();
        await StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        TestFolders.Delete(_folder);
    }

    private async Task StartAsync()
    {
        // It does not run as root.
        var command = ServerUser.Current().Command(_program, "--quiet", Configuration);
        _process = Process.Start(new ProcessStartInfo(command[0], command[1..]) { WorkingDirectory = "/", RedirectStandardError = true });
        await Wait.UntilAsync(AnswersAsync, RunningService.Patience, "PgBouncer answers");
    }

    private async Task StopAsync()
    {
        if (_process is { } process)
        {
            process.Kill();
            await process.WaitForExitAsync();
            process.Dispose();
            _process = null;
        }
    }

    private async Task<bool> AnswersAsync()
    {
        Assert.That(_process!.HasExited, Is.False, "PgBouncer runs");
        try
        {
            return await this.QueryAsync<int>("select 1") == 1;
        }
        catch (NpgsqlException)
        {
            return false;
        }
    }
}
