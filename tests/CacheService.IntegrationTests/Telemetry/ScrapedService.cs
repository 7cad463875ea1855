using CacheService.IntegrationTests.Infrastructure;
using CacheService.Postgres.Embedded;
using Grpc.Net.Client;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Telemetry;

/// <summary>The service in a process of its own, because some of what it measures is measured for all of a process.</summary>
internal sealed class ScrapedService : IAsyncDisposable
{
    private readonly ServiceProcess _process;
    private readonly GrpcChannel _channel;
    private readonly HttpClient _http = new();

    private ScrapedService(ServiceProcess process, string grpcAddress, string httpAddress)
    {
        _process = process;
        HttpAddress = new Uri(httpAddress);
        _channel = GrpcChannel.ForAddress(grpcAddress);
        Client = new TweetCountsService.TweetCountsServiceClient(_channel);
    }

    public Uri HttpAddress { get; }

    public TweetCountsService.TweetCountsServiceClient Client { get; }

    /// <summary>What it has logged.</summary>
    public string Output => _process.Output;

    /// <summary>Starts it on a database, and waits until it is LIVE.</summary>
    public static Task<ScrapedService> StartAsync(string connectionString, params string[] settings) => StartAsync(connectionString, [], settings);

    /// <summary>As above, with variables in its environment.</summary>
    public static async Task<ScrapedService> StartAsync(string connectionString, (string Name, string Value)[] environment, params string[] settings)
    {
        var (grpc, http) = ($"http://127.0.0.1:{LoopbackPort.ChooseNew()}", $"http://127.0.0.1:{LoopbackPort.ChooseNew()}");
        var process = ServiceProcess.Start(
            [],
            environment,
            [$"--Kestrel:Endpoints:Grpc:Url={grpc}", $"--Kestrel:Endpoints:Http:Url={http}", $"--ConnectionStrings:Postgres={connectionString}", .. settings]);
        var service = new ScrapedService(process, grpc, http);
        await Wait.UntilAsync(service.IsLiveAsync, RunningService.Patience, "the service is LIVE");
        return service;
    }

    /// <summary>Its metrics.</summary>
    public async Task<Scrape> ScrapeAsync() => new(await _http.GetStringAsync(new Uri(HttpAddress, "/metrics")));

    public async ValueTask DisposeAsync()
    {
        _channel.Dispose();
        _http.Dispose();
        await _process.DisposeAsync();
    }

    private async Task<bool> IsLiveAsync()
    {
        Assert.That(_process.HasExited, Is.False, Output);
        try
        {
            using var answer = await _http.GetAsync(new Uri(HttpAddress, "/health"));
            return answer.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }
}
