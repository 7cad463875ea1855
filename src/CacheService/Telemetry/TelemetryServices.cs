using System.Reflection;
using CacheService.Metrics;
using CacheService.Security;
using CacheService.Settings;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace CacheService.Telemetry;

/// <summary>Registers and maps what tells others how the service does: metrics for Prometheus, and metrics and traces by OTLP. Without either nothing is measured.</summary>
internal static class TelemetryServices
{
    private const string ScrapePath = "/metrics";

    private const string EachCallMeter = "Microsoft.AspNetCore.Hosting";

    // Of the libraries beneath the service: what costs a connection or an exception something, and no call.
    private static readonly string[] OtherMeters =
        [
            "Microsoft.AspNetCore.Server.Kestrel", "Microsoft.AspNetCore.RateLimiting", "Microsoft.AspNetCore.Diagnostics", "Npgsql", "System.Runtime",
        ];

    /// <summary>Adds what the settings ask for.</summary>
    public static void AddTelemetry(this WebApplicationBuilder builder)
    {
        builder.Services.AddSettings<MetricsOptions>(builder.Configuration, MetricsOptions.Section);
        builder.Services.AddSingleton<ISettingsCheck, OtlpEndpoint>();
        builder.Services.AddSingleton<StateMetrics>();
        builder.Services.AddSingleton<ChangeLogSize>();
        var (scraped, sent) = (IsScraped(builder.Configuration), OtlpEndpoint.IsIn(builder.Configuration));
        if (!scraped && !sent)
        {
            return;
        }

        builder.Services.AddHostedService(services => services.GetRequiredService<ChangeLogSize>());
        var telemetry = builder.Services.AddOpenTelemetry().ConfigureResource(Describe).WithMetrics(metrics =>
        {
            metrics.AddMeter([Instruments.MeterName, .. OtherMeters]);
            if (IsOn(builder.Configuration, nameof(MetricsOptions.EachCall), unset: false))
            {
                metrics.AddMeter(EachCallMeter);
            }
            else
            {
                // Kestrel's one instrument that costs each call.
                metrics.AddView("kestrel.queued_requests", MetricStreamConfiguration.Drop);
            }

            // Its instruments, which nobody else makes.
            metrics.AddInstrumentation(services => services.GetRequiredService<StateMetrics>());
            if (scraped)
            {
                metrics.AddPrometheusExporter();
            }

            if (sent)
            {
                metrics.AddOtlpExporter();
            }
        });
        if (sent)
        {
            telemetry.WithTracing(traces => traces
                .AddSource(Instruments.MeterName)
                .AddAspNetCoreInstrumentation(calls => calls.Filter = static call => !IsLookedAt(call.Request.Path))
                .AddOtlpExporter());
        }
    }

    /// <summary>Maps <c>GET /metrics</c>, unless the settings say otherwise.</summary>
    public static void MapTelemetry(this WebApplication app)
    {
        if (IsScraped(app.Configuration))
        {
            app.MapPrometheusScrapingEndpoint(ScrapePath, meterProvider: null, configureBranchedPipeline: scrapes => scrapes.UseMiddleware<ScrapeGuard>(), optionsName: null)
                .RequireRight(app, Rights.Read);
        }
    }

    // Before the settings are checked, without which nothing starts.
    private static bool IsOn(IConfiguration configuration, string setting, bool unset) =>
        bool.TryParse(configuration[$"{MetricsOptions.Section}:{setting}"], out var isOn) ? isOn : unset;

    private static bool IsScraped(IConfiguration configuration) => IsOn(configuration, nameof(MetricsOptions.Prometheus), unset: true);

    // What is asked every few seconds by those who only look.
    private static bool IsLookedAt(PathString path) => path == ScrapePath || path.StartsWithSegments("/health") || path.StartsWithSegments("/grpc.health.v1.Health");

    private static void Describe(ResourceBuilder resource)
    {
        var version = Assembly.GetExecutingAssembly().GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion;
        // The variables last: what OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say counts.
        resource.AddService(Instruments.MeterName, serviceVersion: version).AddEnvironmentVariableDetector();
    }
}
