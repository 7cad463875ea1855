using CacheService.Messages;

namespace CacheService.Grpc;

/// <summary>Registers and maps the gRPC API.</summary>
internal static class GrpcServices
{
    /// <summary>Adds what the API needs.</summary>
    public static void AddGrpcApi(this WebApplicationBuilder builder)
    {
        builder.Services.AddGrpc(grpc => grpc.Interceptors.Add<ErrorInterceptor>());
        builder.Services.AddSingleton<MessageTexts>();
        builder.Services.AddSingleton<Replies>();
        builder.Services.AddSingleton<TweetCountsGrpcService>();
    }

    /// <summary>Maps the services.</summary>
    public static void MapGrpcApi(this WebApplication app)
    {
        app.MapGrpcService<TweetCountsGrpcService>();
    }
}
