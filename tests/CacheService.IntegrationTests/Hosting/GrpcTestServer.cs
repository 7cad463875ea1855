using System.Net;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;

namespace CacheService.IntegrationTests.Hosting;

/// <summary>gRPC services on a real Kestrel, HTTP/2 without TLS, at a free port of the loopback address unless told otherwise.</summary>
internal sealed class GrpcTestServer : IAsyncDisposable
{
    private readonly WebApplication _app;

    private GrpcTestServer(WebApplication app)
    {
        _app = app;
        Address = new Uri(app.Urls.Single());
        Channel = GrpcChannel.ForAddress(Address);
    }

    /// <summary>Where the server listens.</summary>
    public Uri Address { get; }

    /// <summary>A channel to the server.</summary>
    public GrpcChannel Channel { get; }

    /// <summary>Starts a server with the given services and endpoints.</summary>
    public static async Task<GrpcTestServer> StartAsync(Action<IServiceCollection> services, Action<IEndpointRouteBuilder> endpoints, IPEndPoint? at = null)
    {
        // An empty builder does not read the service's own settings, which lie next to the tests.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
            kestrel.Listen(at ?? new IPEndPoint(IPAddress.Loopback, 0), listen => listen.Protocols = HttpProtocols.Http2));
        builder.Services.AddRoutingCore();
        services(builder.Services);

        var app = builder.Build();
        app.UseRouting();
        endpoints(app);
        await app.StartAsync();
        return new GrpcTestServer(app);
    }

    /// <summary>Stops the server as a signal would: calls in progress are told, then waited for.</summary>
    public Task StopAsync(CancellationToken cancellationToken) => _app.StopAsync(cancellationToken);

    public async ValueTask DisposeAsync()
    {
        Channel.Dispose();
        await _app.DisposeAsync();
    }
}
