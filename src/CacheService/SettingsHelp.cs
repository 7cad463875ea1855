using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Reflection;
using CacheService.Auditing;
using CacheService.Feed;
using CacheService.ImportJob;
using CacheService.Jobs;
using CacheService.Postgres;
using CacheService.Postgres.Embedded;
using CacheService.Reading;
using CacheService.Replication;
using CacheService.Rollup;
using CacheService.Security;
using CacheService.Settings;
using CacheService.Shutdown;
using CacheService.Telemetry;
using CacheService.Watching;

namespace CacheService;

/// <summary>What <c>--help</c> prints: made from the option classes, so that it cannot differ from them.</summary>
internal static class SettingsHelp
{
    /// <summary>Every section, with the class that holds it.</summary>
    public static IReadOnlyList<(string Section, Type Options)> Sections { get; } =
    [
        (DatabaseOptions.Section, typeof(DatabaseOptions)),
        (CountsOptions.Section, typeof(CountsOptions)),
        (FeedOptions.Section, typeof(FeedOptions)),
        (NatsOptions.Section, typeof(NatsOptions)),
        (AuditOptions.Section, typeof(AuditOptions)),
        (RollupOptions.Section, typeof(RollupOptions)),
        (JobsOptions.Section, typeof(JobsOptions)),
        (ImportOptions.Section, typeof(ImportOptions)),
        (SubscriptionOptions.Section, typeof(SubscriptionOptions)),
        (LimitsOptions.Section, typeof(LimitsOptions)),
        (SecurityOptions.Section, typeof(SecurityOptions)),
        (ShutdownOptions.Section, typeof(ShutdownOptions)),
        (MetricsOptions.Section, typeof(MetricsOptions)),
        (EmbeddedOptions.Section, typeof(EmbeddedOptions)),
    ];

    /// <summary>What belongs to the connection string, to Kestrel and to the log, which have classes of their own; the most useful of it.</summary>
    public static IReadOnlyList<(string Name, string Description, string Default)> Standard { get; } =
    [
        ("ConnectionStrings:Postgres",
            "Npgsql's form, or a URL: postgresql://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full. Where it is and who the service is there; how connections are used the service sets itself.",
            "an embedded PostgreSQL"),
        ("Kestrel:Endpoints:Grpc:Url", "Where gRPC is served (HTTP/2).", "http://127.0.0.1:5080"),
        ("Kestrel:Endpoints:Http:Url", "Where HTTP is served: the API as JSON and as events, gRPC-Web, /metrics, and /health to everybody (HTTP/1.1; HTTP/2 too over https).", "http://127.0.0.1:5081"),
        ("Kestrel:Endpoints:Grpc:Certificate:Path", "The server's certificate, for an https address: PEM with its key, or PFX. May be replaced at any time.", "none"),
        ("Kestrel:Endpoints:Grpc:Certificate:KeyPath", "Its key, where that has a file of its own.", "none"),
        ("Kestrel:Endpoints:Grpc:Certificate:Password", "The password of the key or of the PFX.", "none"),
        ("Logging:Console:FormatterName", "The form of the log: simple, json or systemd.", "simple; systemd where systemd has started the service"),
        ("Logging:Console:FormatterOptions:IncludeScopes", "Whether the log says which call an entry belongs to.", "true for json, else false"),
        (OtlpEndpoint.Variable, "Where metrics and traces are sent to by OTLP: http://HOST:4317. OpenTelemetry's other variables, such as OTEL_EXPORTER_OTLP_PROTOCOL and OTEL_TRACES_SAMPLER, hold as well.", "nowhere"),
    ];

    /// <summary>The whole text.</summary>
    public static string Text => $"""
        CacheService: retweet and like counts from memory, exact, over gRPC and HTTP.

        Usage: CacheService [--Section:Setting=value]...
               CacheService --health ready|live [--Section:Setting=value]...

        Examples:
          CacheService                                    with a PostgreSQL of its own
          CacheService --ConnectionStrings:Postgres="Host=db;Database=app;Username=counts;Password=..."
          CacheService --Kestrel:Endpoints:Grpc:Url=http://127.0.0.1:6080
          CacheService --Kestrel:Endpoints:Grpc:Url=https://*:5080 --Kestrel:Endpoints:Grpc:Certificate:Path=server.pem \
            --Kestrel:Endpoints:Grpc:Certificate:KeyPath=server.key --Security:ClientCertificateAuthority=clients-ca.pem \
            --Security:ApiKeys:0:Name=dashboard --Security:ApiKeys:0:Sha256=... --Security:ApiKeys:0:Rights=Read,Watch
          CacheService --health ready                     asks the service that runs on this machine with the same settings: exit code 0 while its counts are LIVE
          CacheService --health live                      the same: 0 while it need not be restarted

        Settings, also as environment variables (Feed__HeartbeatInterval) or in appsettings.json:
        {string.Join(Environment.NewLine, Standard.Select(setting => $"  {setting.Name,-32} {setting.Description} Default: {setting.Default}"))}

        {string.Join(Environment.NewLine, Sections.SelectMany(section => Lines(section.Section, section.Options)))}
        """;

    private static IEnumerable<string> Lines(string section, Type options)
    {
        var defaults = Activator.CreateInstance(options);
        foreach (var property in options.GetProperties(BindingFlags.Public | BindingFlags.Instance))
        {
            var name = $"{section}:{property.Name}";
            if (SettingsKeys.ItemsOf(property) is { } item)
            {
                yield return $"  {name + ":0, :1 ...",-32} {property.GetCustomAttribute<DescriptionAttribute>()?.Description} Each has:";
                foreach (var line in Lines($"{name}:0", item))
                {
                    yield return line;
                }

                continue;
            }

            var description = property.GetCustomAttribute<DescriptionAttribute>()?.Description;
            var value = Convert.ToString(property.GetValue(defaults), CultureInfo.InvariantCulture);
            var range = property.GetCustomAttribute<RangeAttribute>() is { } limits ? $" Range: {limits.Minimum} to {limits.Maximum}." : "";
            yield return $"  {name,-32} {description} Default: {(string.IsNullOrEmpty(value) ? "none" : value)}.{range}";
        }
    }
}
