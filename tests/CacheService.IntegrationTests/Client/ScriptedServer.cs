using System.Net;
using CacheService.Client;
using CacheService.IntegrationTests.Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace CacheService.IntegrationTests.Client;

/// <summary>Kestrel with a <see cref="ScriptedCountsService"/>, on a free port unless told otherwise.</summary>
internal sealed class ScriptedServer : IAsyncDisposable
{
    private readonly GrpcTestServer _server;

    private ScriptedServer(GrpcTestServer server, ScriptedCountsService service)
    {
        _server = server;
        Service = service;
    }

    public ScriptedCountsService Service { get; }

    public Uri Address => _server.Address;

    public static async Task<ScriptedServer> StartAsync(IPEndPoint? at = null)
    {
        var service = new ScriptedCountsService();
        var server = await GrpcTestServer.StartAsync(
            services => services.AddSingleton(service).AddGrpc(),
            endpoints => endpoints.MapGrpcService<ScriptedCountsService>(),
            at);
        return new ScriptedServer(server, service);
    }

    public static TweetCountsClient ClientOf(params ScriptedServer[] servers) => ClientOf(TimeProvider.System, servers);

    /// <summary>A client that retries quickly.</summary>
    public static TweetCountsClient ClientOf(TimeProvider time, params ScriptedServer[] servers) => new(
        new TweetCountsClientOptions { Addresses = [.. servers.Select(server => server.Address)], MaxBackoff = TimeSpan.FromMilliseconds(100) }, time: time);

    /// <summary>Ends all connections at once, as a killed process does, and listens no more.</summary>
    public async Task KillAsync() => await _server.StopAsync(new CancellationToken(canceled: true));

    public ValueTask DisposeAsync() => _server.DisposeAsync();
}
