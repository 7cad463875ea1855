using CacheService.IntegrationTests.Infrastructure;
using CacheService.Postgres.Embedded;
using Grpc.Core;
using Grpc.Health.V1;
using Grpc.Net.Client;
using Microsoft.Extensions.Logging;
using TweetCounts.V1;
using HealthClient = Grpc.Health.V1.Health.HealthClient;

namespace CacheService.IntegrationTests.Faults;

/// <summary>The service that a fault is meant for: in this process, or in one of its own that can be frozen and killed; always at the same addresses.</summary>
internal sealed class FaultService : IAsyncDisposable
{
    private static readonly HttpClient Http = new();

    private readonly string[] _settings;
    private readonly Uri _http;
    private readonly GrpcChannel _channel;

    private FaultService(Uri grpc, Uri http, string[] settings)
    {
        _http = http;
        _settings = settings;
        _channel = GrpcChannel.ForAddress(grpc, new GrpcChannelOptions
        {
            InitialReconnectBackoff = TimeSpan.FromMilliseconds(20),
            MaxReconnectBackoff = TimeSpan.FromMilliseconds(100),
        });
        Client = new TweetCountsService.TweetCountsServiceClient(_channel);
        Address = grpc;
    }

    public Uri Address { get; }

    public TweetCountsService.TweetCountsServiceClient Client { get; }

    /// <summary>Where it runs in this process.</summary>
    public RunningService? Running { get; private init; }

    /// <summary>Where it runs in one of its own.</summary>
    public ServiceProcess? Process { get; private set; }

    /// <summary>Starts it in this process.</summary>
    public static async Task<FaultService> StartHereAsync(string connectionString, params string[] settings)
    {
        var running = await RunningService.StartWithoutWaitingAsync(connectionString, settings);
        return new FaultService(running.GrpcAddress, running.HttpAddress, []) { Running = running };
    }

    /// <summary>Starts it in a process of its own.</summary>
    public static FaultService StartProcess(string connectionString, params string[] settings)
    {
        var (grpc, http) = (new Uri($"http://127.0.0.1:{LoopbackPort.ChooseNew()}"), new Uri($"http://127.0.0.1:{LoopbackPort.ChooseNew()}"));
        string[] all = [$"--ConnectionStrings:Postgres={connectionString}", $"--Kestrel:Endpoints:Grpc:Url={grpc}", $"--Kestrel:Endpoints:Http:Url={http}", "--Rollup:Interval=00:00:00.5", .. RunningService.LogSettings, .. settings];
        return new FaultService(grpc, http, all) { Process = ServiceProcess.Start(all) };
    }

    /// <summary>What it has logged.</summary>
    public string LogText => Running is null ? Process!.Output : string.Join('\n', Running.Log.Entries.Where(entry => entry.Level >= LogLevel.Information));

    public bool HasLogged(string text) => LogText.Contains(text, StringComparison.Ordinal);

    public async Task<GetStatusResponse> GetStatusAsync() => await Client.GetStatusAsync(new GetStatusRequest(), deadline: DateTime.UtcNow + RunningService.Patience);

    /// <summary>The state; null where nobody answers.</summary>
    public async Task<FeedState?> TryGetStateAsync()
    {
        try
        {
            return (await Client.GetStatusAsync(new GetStatusRequest(), deadline: DateTime.UtcNow.AddSeconds(1))).State;
        }
        catch (RpcException e) when (e.StatusCode is StatusCode.Unavailable or StatusCode.DeadlineExceeded)
        {
            return null;
        }
    }

    public Task WaitForStateAsync(FeedState state) =>
        Wait.UntilAsync(async () => await TryGetStateAsync() == state, RunningService.Patience, $"the service is {state}");

    /// <summary>The three who tell the state say the same, at rest.</summary>
    public async Task AssertStateIsToldAlikeAsync(FeedState expected)
    {
        // A machine that stalls between the questions has the state change under them.
        await Wait.UntilAsync(
            async () =>
            {
                var grpc = await new HealthClient(_channel).CheckAsync(new HealthCheckRequest());
                using var http = await Http.GetAsync(new Uri(_http, "/health"));
                return ((await GetStatusAsync()).State, grpc.Status == HealthCheckResponse.Types.ServingStatus.Serving, http.IsSuccessStatusCode)
                    == (expected, expected == FeedState.Live, expected == FeedState.Live);
            },
            RunningService.Patience,
            $"GetStatus, gRPC's health and HTTP's agree on {expected}");
    }

    /// <summary>Kills the process, so that nothing says good-bye for it.</summary>
    public async Task KillAsync() => await Process!.DisposeAsync();

    /// <summary>Starts the process again after <see cref="KillAsync"/>.</summary>
    public void StartAgain() => Process = ServiceProcess.Start(_settings);

    public async ValueTask DisposeAsync()
    {
        _channel.Dispose();
        if (Running is not null)
        {
            await Running.DisposeAsync();
        }

        if (Process is not null)
        {
            await Process.DisposeAsync();
        }
    }
}
