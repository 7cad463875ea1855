using CacheService.Feed;
using CacheService.Watching;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using TweetCounts.V1;
using FeedState = CacheService.Feed.FeedState;

namespace CacheService.IntegrationTests.Infrastructure;

/// <summary>The whole service in this process, on real Kestrel and a real database, with a client. Fails its test if it logged an error that the test does not expect.</summary>
internal sealed class RunningService : IAsyncDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    // Of a service that has ended itself before it listened: nobody answers there.
    private static readonly Uri Nowhere = new("http://127.0.0.1:1");

    private readonly WebApplication _app;
    private readonly GrpcChannel _channel;

    private RunningService(WebApplication app, RecordedLog log)
    {
        _app = app;
        Log = log;
        var addresses = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.ToList();
        (GrpcAddress, HttpAddress) = addresses is [var grpc, var http] ? (new Uri(grpc), new Uri(http)) : (Nowhere, Nowhere);
        _channel = GrpcChannel.ForAddress(GrpcAddress);
        Client = new TweetCountsService.TweetCountsServiceClient(_channel);
    }

    public Uri GrpcAddress { get; }

    public Uri HttpAddress { get; }

    public GrpcChannel Channel => _channel;

    public TweetCountsService.TweetCountsServiceClient Client { get; }

    public RecordedLog Log { get; }

    /// <summary>Whether the test means the service to log errors.</summary>
    public bool ExpectsErrors { get; set; }

    /// <summary>The event of an error that the service logs, too, where the machine stalls for so long; null: there is none.</summary>
    public (string EventName, TimeSpan Stall, MachineLag Lag)? ErrorOfStalls { get; set; }

    public IServiceProvider Services => _app.Services;

    /// <summary>Why the service ended itself; null if it did not.</summary>
    public string? StartFailure => Services.GetRequiredService<StartFailure>().Reason;

    public WatchHub Hub => Services.GetRequiredService<WatchHub>();

    public FeedStatus Status => Services.GetRequiredService<FeedStatus>();

    /// <summary>TWCACHE_TEST_LOG (Table or Change), the form of the log for all tests that leave it open: <c>Feed:Log</c>.</summary>
    public static string[] LogSettings => Environment.GetEnvironmentVariable("TWCACHE_TEST_LOG") is { Length: > 0 } form ? [$"--Feed:Log={form}"] : [];

    /// <summary>Starts the service on a database, and waits until it is LIVE.</summary>
    public static async Task<RunningService> StartAsync(string connectionString, params string[] settings)
    {
        var service = await StartWithoutWaitingAsync(connectionString, settings);
        await service.WaitForLiveAsync();
        return service;
    }

    /// <summary>Starts the service on a database.</summary>
    public static Task<RunningService> StartWithoutWaitingAsync(string connectionString, params string[] settings) => StartWithAsync(static _ => { }, connectionString, settings);

    /// <summary>Starts the service on a database, with something added to what it is made of.</summary>
    public static async Task<RunningService> StartWithAsync(Action<IServiceCollection> add, string connectionString, params string[] settings)
    {
        var log = new RecordedLog();
        var app = ServiceApp.Build(
            [
                $"--ConnectionStrings:Postgres={connectionString}",
                "--Kestrel:Endpoints:Grpc:Url=http://127.0.0.1:0",
                "--Kestrel:Endpoints:Http:Url=http://127.0.0.1:0",
                // So often that loads start from it in all tests.
                "--Rollup:Interval=00:00:00.3",
                // A slow machine takes long for a drain, and for a load longer.
                "--Limits:MaxReadWait=00:01:00",
                .. LogSettings,
                .. settings,
            ],
            builder =>
            {
                builder.Logging.ClearProviders().AddProvider(log);
                add(builder.Services);
            });
        try
        {
            await app.StartAsync();
        }
        catch (OperationCanceledException) when (app.Lifetime.ApplicationStopping.IsCancellationRequested)
        {
            // It has ended itself before it listened; StartFailure says why.
        }

        return new RunningService(app, log);
    }

    public async Task WaitForLiveAsync()
    {
        try
        {
            await Wait.UntilAsync(() => Status.Condition.State == FeedState.Live, Patience, "the service is LIVE");
        }
        catch (TimeoutException e)
        {
            throw new TimeoutException($"{e.Message} {Status.Condition}. It has logged: {string.Join('\n', Log.Entries)}", e);
        }
    }

    /// <summary>Stops the service as Ctrl-C does; its clients stay.</summary>
    public Task StopAsync() => _app.StopAsync();

    public async ValueTask DisposeAsync()
    {
        _channel.Dispose();
        await _app.StopAsync();
        await _app.DisposeAsync();
        string? excused = null;
        if (ErrorOfStalls is { } stalls)
        {
            excused = stalls.Lag.Longest > stalls.Stall ? stalls.EventName : null;
            await stalls.Lag.DisposeAsync();
        }

        if (!ExpectsErrors)
        {
            Assert.That(Log.Entries.Where(entry => entry.Level >= LogLevel.Error && (excused is null || entry.EventName != excused)), Is.Empty);
        }
    }
}
