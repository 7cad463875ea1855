using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using CacheService.Client;
using CacheService.Postgres.Embedded;

namespace CacheService.LoadTests.Machine;

/// <summary>The service in a process of its own, as its user runs it, with a client.</summary>
internal sealed partial class MeasuredService : IAsyncDisposable
{
    private const string Service = "CacheService";
    private const string ProgramName = "CacheService.LoadTests";

    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(5);

    private readonly ChildProcess _process;
    private readonly Uri _health;

    private MeasuredService(ChildProcess process, Uri address, Uri health)
    {
        (_process, Address, _health) = (process, address, health);
        Client = CreateClient();
        Processes = new ProcessTree("service", process.Id);
    }

    public Uri Address { get; }

    public TweetCountsClient Client { get; }

    public ProcessTree Processes { get; }

    /// <summary>How long it took from the start of the process until it was LIVE.</summary>
    public double StartSeconds { get; private set; }

    /// <summary>What <see cref="Host"/> is told so that it runs this program, with the service's runtime settings.</summary>
    public static IReadOnlyList<string> ThisProgram { get; } =
        ["exec", "--runtimeconfig", InOutput($"{Service}.runtimeconfig.json"), "--depsfile", InOutput($"{ProgramName}.deps.json"), InOutput($"{ProgramName}.dll")];

    /// <summary>How long the last load took, by the service's own log.</summary>
    public double LoadSeconds => LoadedLine().Match(_process.Output) is { Success: true } match
        ? double.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture)
        : throw new LoadTestException($"the service did not say how long it took to load:\n{_process.Output}");

    /// <summary>Starts it on a database and waits until it is LIVE.</summary>
    /// <param name="database">Where the counts come from.</param>
    /// <param name="settings">As on its command line.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public static Task<MeasuredService> StartAsync(LoadDatabase database, IReadOnlyList<string> settings, CancellationToken cancellationToken) =>
        StartAsync(Host(), [InOutput($"{Service}.dll")], database, settings, cancellationToken);

    /// <summary>Starts the service of another folder, which has its runtime there.</summary>
    public static Task<MeasuredService> StartPublishedAsync(string folder, LoadDatabase database, CancellationToken cancellationToken) =>
        StartAsync(ProgramIn(folder), [], database, [], cancellationToken);

    /// <summary>The service's program in the folder that it was published to.</summary>
    /// <exception cref="LoadTestException">There is none.</exception>
    public static string ProgramIn(string folder)
    {
        var program = Path.GetFullPath(Path.Combine(folder, Service));
        return File.Exists(program) ? program : throw new LoadTestException($"--published {folder} has no program {Service}: name the folder that the service was published to (--help shows how)");
    }

    /// <summary>The same service, hosted by this program with one RPC more. It gets the service's own runtime settings, such as those of the garbage collector.</summary>
    public static Task<MeasuredService> StartWithEmptyRpcAsync(LoadDatabase database, CancellationToken cancellationToken) =>
        StartAsync(Host(), [.. ThisProgram, Rpc.RpcHost.Verb], database, [], cancellationToken);

    /// <summary>The program that runs this one's runtime, on the path or not.</summary>
    public static string Host()
    {
        var host = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..", "dotnet"));
        return File.Exists(host) ? host : "dotnet";
    }

    /// <summary>One more client, with a connection of its own.</summary>
    // A strong read of much, right after a load, may take its time.
    public TweetCountsClient CreateClient() => new(new TweetCountsClientOptions { Addresses = { Address }, DefaultDeadline = TimeSpan.FromMinutes(1) });

    /// <summary>Bytes of memory that it occupies, and has occupied at most. Null: the system does not tell.</summary>
    public (long Now, long Most)? Memory()
    {
        var file = $"/proc/{_process.Id}/status";
        if (!File.Exists(file))
        {
            return null;
        }

        var lines = File.ReadAllLines(file);
        return (Bytes("VmRSS:"), Bytes("VmHWM:"));

        // "VmRSS:     1234 kB"
        long Bytes(string field) =>
            1024 * long.Parse(lines.Single(line => line.StartsWith(field, StringComparison.Ordinal)).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _process.DisposeAsync();
    }

    private static string InOutput(string file) => Path.Combine(AppContext.BaseDirectory, file);

    private static async Task<MeasuredService> StartAsync(
        string program, IReadOnlyList<string> command, LoadDatabase database, IReadOnlyList<string> settings, CancellationToken cancellationToken)
    {
        var address = new Uri($"http://127.0.0.1:{LoopbackPort.ChooseNew()}");
        var http = new Uri($"http://127.0.0.1:{LoopbackPort.ChooseNew()}");
        string[] arguments =
        [
            .. command, $"--Kestrel:Endpoints:Grpc:Url={address.GetLeftPart(UriPartial.Authority)}", $"--Kestrel:Endpoints:Http:Url={http.GetLeftPart(UriPartial.Authority)}", .. settings,
        ];
        // The password is in it: nothing for a command line.
        var environment = new Dictionary<string, string> { ["ConnectionStrings__Postgres"] = database.ConnectionString };
        var start = Stopwatch.GetTimestamp();
        var service = new MeasuredService(ChildProcess.Start(program, arguments, environment), address, new Uri(http, "/health"));
        try
        {
            await service.WaitUntilLiveAsync(cancellationToken);
            service.StartSeconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
            return service;
        }
        catch
        {
            await service.DisposeAsync();
            throw;
        }
    }

    private async Task WaitUntilLiveAsync(CancellationToken cancellationToken)
    {
        // Not by a client of its own: that pauses after an attempt that finds nobody.
        using var http = new HttpClient();
        while (!await IsLiveAsync(http, cancellationToken))
        {
            if (_process.HasExited)
            {
                throw new LoadTestException($"the service ended:\n{_process.Output}");
            }

            await Task.Delay(Poll, cancellationToken);
        }
    }

    private async Task<bool> IsLiveAsync(HttpClient http, CancellationToken cancellationToken)
    {
        try
        {
            using var answer = await http.GetAsync(_health, cancellationToken);
            return answer.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    [GeneratedRegex(@"Loaded the counts of \d+ messages in ([0-9.]+) s", RegexOptions.RightToLeft)]
    private static partial Regex LoadedLine();
}
