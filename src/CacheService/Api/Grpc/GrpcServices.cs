using CacheService.Api.Grpc.Reflection;
using CacheService.Api.Grpc.Serialization;
using CacheService.Health;
using CacheService.Reading;
using CacheService.Security;
using Grpc.AspNetCore.Server;
using Grpc.AspNetCore.Server.Model;
using Grpc.Reflection.V1;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using TweetCounts.V1;
using HealthV1 = Grpc.Health.V1.Health;

namespace CacheService.Api.Grpc;

/// <summary>Registers and maps the gRPC API.</summary>
internal static class GrpcServices
{
    /// <summary>Adds what the API needs.</summary>
    public static void AddGrpcApi(this WebApplicationBuilder builder)
    {
        builder.Services.AddGrpc(grpc => grpc.Interceptors.Add<ErrorInterceptor>());
        builder.Services.AddOptions<GrpcServiceOptions>().Configure<IOptions<LimitsOptions>>((grpc, limits) =>
        {
            grpc.MaxReceiveMessageSize = limits.Value.MaxRequestBytes;
            // ErrorInterceptor leaves no exception of a handler: what is left to detail is what is wrong with a message that could not be read.
            grpc.EnableDetailedErrors = true;
        });
        builder.Services.AddSingleton<LoggerFactory>();
        builder.Services.Replace(ServiceDescriptor.Singleton<ILoggerFactory, SenderFaultLogs>());
        builder.Services.AddSingleton<CallErrors>();
        builder.Services.AddSingleton<Replies>();
        builder.Services.AddSingleton<EncodedReplies>();
        builder.Services.AddSingleton<WatchStreams>();
        builder.Services.AddSingleton<TweetCountsGrpcService>();
        builder.Services.AddSingleton<IServiceMethodProvider<TweetCountsGrpcService>, TweetCountsMethods>();
        builder.Services.AddSingleton<IServingStatus, Readiness>();
        builder.Services.AddSingleton<HealthService>();
        builder.Services.AddSingleton(new DescriptorIndex(TweetCountsService.Descriptor, HealthV1.Descriptor, ServerReflection.Descriptor));
        builder.Services.AddSingleton<ReflectionService>();
    }

    /// <summary>Maps the services.</summary>
    public static void MapGrpcApi(this WebApplication app)
    {
        app.MapGrpcService<TweetCountsGrpcService>().RequireRights(app);
        app.MapGrpcService<HealthService>().DisableRateLimiting().RequireRights(app);
        app.MapGrpcService<ReflectionService>().RequireRights(app);
    }
}
