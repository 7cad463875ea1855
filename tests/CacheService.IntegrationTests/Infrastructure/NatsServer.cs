using System.Diagnostics;
using System.Net;
using CacheService.Postgres.Embedded;

namespace CacheService.IntegrationTests.Infrastructure;

/// <summary>A NATS server with JetStream of a test's own, on loopback, to be stopped, killed, frozen and started again on the same port and folder.</summary>
internal sealed class NatsServer : IAsyncDisposable
{
    private static readonly HttpClient Http = new() { Timeout = TimeSpan.FromSeconds(5) };

    private readonly string _program;
    private readonly string _folder;
    private readonly int _port;
    private readonly int _monitorPort;
    private Process? _process;

    private NatsServer(string name, string program, string folder, int port, int monitorPort)
    {
        (Name, _program, _folder, _port, _monitorPort) = (name, program, folder, port, monitorPort);
        Url = $"nats://127.0.0.1:{port}";
    }

    /// <summary>Its name among others.</summary>
    public string Name { get; }

    /// <summary>Where clients connect; with TLS too, which the server tells them to begin.</summary>
    public string Url { get; }

    private string Configuration => Path.Combine(_folder, "nats.conf");

    private string Store => Path.Combine(_folder, "store");

    private string SavedStore => Path.Combine(_folder, "saved");

    private string LogFile => Path.Combine(_folder, "log");

    /// <summary>Starts one, and waits until JetStream is there; where there is none to start, the calling test is ignored, and says so.</summary>
    /// <param name="configuration">What its configuration has besides, as the server reads it: users, TLS, limits.</param>
    public static async Task<NatsServer> RequireAsync(string configuration = "")
    {
        var server = await PrepareAsync("n1", LoopbackPort.ChooseNew(), configuration);
        await server.StartAgainAsync();
        return server;
    }

    /// <summary>Makes the folder of one that does not run yet.</summary>
    internal static async Task<NatsServer> PrepareAsync(string name, int port, string configuration)
    {
        var program = await InstalledProgram.RequireAsync("followers are NOT tested", "nats-server");
        var server = new NatsServer(name, program, TestFolders.NewPath(), port, LoopbackPort.ChooseNew());
        OwnedFile.CreateFolder(server._folder, passable: false);
        await server.WriteConfigurationAsync(configuration);
        return server;
    }

    /// <summary>Tells it to end (SIGTERM), and waits for that.</summary>
    public Task StopAsync() => EndAsync("TERM");

    /// <summary>Has the system end it (SIGKILL).</summary>
    public Task KillAsync() => EndAsync("KILL");

    /// <summary>Starts it again where it has ended, and waits until JetStream is there.</summary>
    public async Task StartAgainAsync()
    {
        Launch();
        await WaitUntilReadyAsync();
    }

    /// <summary>Keeps a copy of what is on its disk. While it does not run.</summary>
    public void SaveStore() => Copy(Store, SavedStore);

    /// <summary>Puts its disk back to the copy, as a disk that lost its last writes. While it does not run.</summary>
    public void RestoreStore()
    {
        Directory.Delete(Store, recursive: true);
        Copy(SavedStore, Store);
    }

    /// <summary>Ends it, if it runs, and starts it again.</summary>
    public async Task RestartAsync()
    {
        await StopAsync();
        await StartAgainAsync();
    }

    /// <summary>Ends it, if it runs, and starts it again with another configuration.</summary>
    /// <param name="configuration">See <see cref="RequireAsync"/>.</param>
    public async Task RestartAsync(string configuration)
    {
        await StopAsync();
        await WriteConfigurationAsync(configuration);
        await StartAgainAsync();
    }

    /// <summary>It does nothing until <see cref="ThawAsync"/>; its connections stay.</summary>
    public Task FreezeAsync() => ProcessSignals.FreezeAsync(_process!.Id);

    public Task ThawAsync() => ProcessSignals.ThawAsync(_process!.Id);

    /// <summary>What it has logged.</summary>
    public async Task<string> ReadLogAsync() => File.Exists(LogFile) ? await File.ReadAllTextAsync(LogFile) : "";

    public async ValueTask DisposeAsync()
    {
        // One that is frozen ends as well.
        await KillAsync();
        TestFolders.Delete(_folder);
    }

    private Task WriteConfigurationAsync(string configuration) =>
        OwnedFile.WriteSecretAsync(
            Configuration,
            $$"""
            server_name: {{Name}}
            listen: 127.0.0.1:{{_port}}
            http: 127.0.0.1:{{_monitorPort}}
            log_file: "{{LogFile}}"
            jetstream {
              store_dir: "{{Store}}"
              max_memory_store: 256MB
              max_file_store: 4GB
            }
            {{configuration}}

            """,
            CancellationToken.None);

    private static void Copy(string from, string to)
    {
        foreach (var file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            var copy = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }
    }

    internal void Launch() => _process = Process.Start(new ProcessStartInfo(_program, ["-c", Configuration]) { WorkingDirectory = "/", RedirectStandardError = true });

    internal Task WaitUntilReadyAsync() => Wait.UntilAsync(IsReadyAsync, RunningService.Patience, "JetStream is there");

    private async Task EndAsync(string signal)
    {
        if (_process is { } process)
        {
            await ProcessSignals.SendAsync(signal, process.Id);
            await process.WaitForExitAsync();
            process.Dispose();
            _process = null;
        }
    }

    private async Task<bool> IsReadyAsync()
    {
        if (_process!.HasExited)
        {
            // What is wrong with its configuration it says before it has a log.
            Assert.Fail($"nats-server has ended: {await _process.StandardError.ReadToEndAsync()}{await ReadLogAsync()}");
        }

        try
        {
            // 503 until JetStream answers; in a cluster until that has a leader.
            using var answer = await Http.GetAsync(new Uri($"http://127.0.0.1:{_monitorPort}/healthz"));
            return answer.StatusCode == HttpStatusCode.OK;
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
        {
            return false;
        }
    }
}
