using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace CacheService.LoadTests.Rpc;

/// <summary>The whole service, with <see cref="EmptyRpc"/> beside its own RPCs: both go the same way, through the same server.</summary>
internal static class RpcHost
{
    /// <summary>What makes this program run as this host; its settings follow.</summary>
    public const string Verb = "serve-with-empty-rpc";

    public static async Task<int> RunAsync(string[] settings)
    {
        await using var app = ServiceApp.Build(settings, builder => builder.Services.AddSingleton<EmptyRpc>());
        app.MapGrpcService<EmptyRpc>();
        await app.RunAsync();
        return 0;
    }
}
