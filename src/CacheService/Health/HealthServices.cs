using Grpc.AspNetCore.Server.Model;
using Grpc.HealthCheck;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting.Systemd;

namespace CacheService.Health;

/// <summary>Registers what says whether calls should be sent here.</summary>
internal static class HealthServices
{
    // Logs each answer, at Error where the service is not ready: an error a probe, however long a database is away. The feed logs the reason, once.
    private const string ChecksLog = "Microsoft.Extensions.Diagnostics.HealthChecks.DefaultHealthCheckService";

    /// <summary>Adds the readiness, the standard health service over it, and the notices to systemd where that asks for them.</summary>
    public static void AddHealth(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<Readiness>();
        builder.Services.AddSingleton<IServingStatus>(provider => provider.GetRequiredService<Readiness>());
        builder.Services.AddGrpcHealth().AddCheck<Readiness>("readiness");
        builder.Logging.AddFilter(ChecksLog, LogLevel.None);
        var systemd = new SystemdNotifier();
        if (systemd.IsEnabled)
        {
            builder.Services.AddSingleton<ISystemdNotifier>(systemd);
            builder.Services.AddHostedService<SystemdNotices>();
        }
    }

    /// <summary>Adds the standard health service over the <see cref="IServingStatus"/>.</summary>
    public static IHealthChecksBuilder AddGrpcHealth(this IServiceCollection services)
    {
        services.AddSingleton<ServingHealth>();
        services.AddSingleton<HealthServiceImpl>(provider => provider.GetRequiredService<ServingHealth>());
        services.AddSingleton<HealthList>();
        services.AddSingleton<IServiceMethodProvider<HealthList>>(provider => provider.GetRequiredService<HealthList>());
        var checks = services.AddGrpcHealthChecks(grpc => grpc.UseHealthChecksCache = true);
        // It looks every few seconds, too late to be of use; and what it saw a moment ago would replace what ServingHealth has set since.
        services.RemoveAll<IHealthCheckPublisher>();
        return checks;
    }
}
