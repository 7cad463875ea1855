using CacheService.Api.Grpc.Serialization;
using CacheService.Health;
using CacheService.Reading;
using CacheService.Security;
using Grpc.AspNetCore.Server;
using Grpc.AspNetCore.Server.Model;
using Grpc.Reflection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using TweetCounts.V1;
using HealthFile = CacheService.Health.Protocol.HealthReflection;
using ReflectionV1 = Grpc.Reflection.V1.ServerReflection;
using ReflectionV1Alpha = Grpc.Reflection.V1Alpha.ServerReflection;

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
        builder.Services.AddSingleton<EncodedReplies>();
        builder.Services.AddSingleton<TweetCountsGrpcService>();
        builder.Services.AddSingleton<JobsGrpcService>();
        builder.Services.AddSingleton<IServiceMethodProvider<TweetCountsGrpcService>, TweetCountsMethods>();
        builder.Services.AddReflection();
    }

    /// <summary>Lets calls come as gRPC-Web too, over HTTP/1.1 and from browsers, unless the settings say that only gRPC is served. Before what looks at calls as gRPC.</summary>
    public static void UseGrpcOverHttp(this WebApplication app)
    {
        if (app.Services.GetRequiredService<IOptions<SecurityOptions>>().Value.AllowHttp)
        {
            // Calls of gRPC itself, which are most, do not pay for it.
            app.UseWhen(
                static context => context.Request.ContentType?.StartsWith("application/grpc-web", StringComparison.OrdinalIgnoreCase) == true,
                static branch => branch.UseGrpcWeb(new GrpcWebOptions { DefaultEnabled = true }));
        }
    }

    /// <summary>Maps the services.</summary>
    public static void MapGrpcApi(this WebApplication app)
    {
        app.MapGrpcService<TweetCountsGrpcService>().RequireRights(app);
        app.MapGrpcService<JobsGrpcService>().RequireRights(app);
        app.MapGrpcHealthChecksService().DisableRateLimiting().RequireRights(app);
        app.MapGrpcService<HealthList>().DisableRateLimiting().RequireRights(app);
        app.MapGrpcReflectionService().RequireRights(app);
    }

    private static void AddReflection(this IServiceCollection services)
    {
        // Told here, because it looks for the descriptors of services in their generated base classes, which TweetCountsGrpcService has none of.
        Google.Protobuf.Reflection.ServiceDescriptor[] described =
            [HealthFile.Descriptor.Services.Single(), ReflectionV1.Descriptor, ReflectionV1Alpha.Descriptor, JobsService.Descriptor, TweetCountsService.Descriptor];
        services.AddSingleton(new ReflectionServiceImpl(described));
        services.AddSingleton(new ReflectionV1ServiceImpl(described));
        services.AddGrpcReflection();
    }
}
