using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;

namespace CacheService.IntegrationTests.Tool;

/// <summary>Kestrel with a <see cref="FakeCountsService"/> on a free port.</summary>
internal sealed class FakeServer : IAsyncDisposable
{
    private readonly WebApplication _app;

    private FakeServer(WebApplication app, FakeCountsService service)
    {
        _app = app;
        Service = service;
    }

    public FakeCountsService Service { get; }

    public string Address => _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();

    public static async Task<FakeServer> StartAsync(HttpProtocols protocols = HttpProtocols.Http2)
    {
        var service = new FakeCountsService();
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
            kestrel.Listen(System.Net.IPAddress.Loopback, 0, endpoint => endpoint.Protocols = protocols));
        builder.Services.AddRoutingCore();
        builder.Services.AddGrpc();
        builder.Services.AddSingleton(service);

        var app = builder.Build();
        app.UseRouting();
        app.MapGrpcService<FakeCountsService>();
        await app.StartAsync();
        return new FakeServer(app, service);
    }

    public Task<ToolRun> RunAsync(params string[] args) => ToolRun.RunAsync([.. args, "--address", Address]);

    public Task<ToolRun> RunAtTerminalAsync(params string[] args) => ToolRun.RunAsync(interactive: true, CancellationToken.None, [.. args, "--address", Address]);

    public ValueTask DisposeAsync() => _app.DisposeAsync();
}
