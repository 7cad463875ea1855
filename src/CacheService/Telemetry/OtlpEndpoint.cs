using CacheService.Settings;

namespace CacheService.Telemetry;

/// <summary>Where metrics and traces are sent, by the variable that OpenTelemetry has for it. OpenTelemetry would leave out without a word what it cannot read.</summary>
internal sealed class OtlpEndpoint(IConfiguration configuration) : ISettingsCheck
{
    /// <summary>The variable's name.</summary>
    public const string Variable = "OTEL_EXPORTER_OTLP_ENDPOINT";

    /// <summary>Whether they are sent.</summary>
    public static bool IsIn(IConfiguration configuration) => !string.IsNullOrWhiteSpace(configuration[Variable]);

    /// <inheritdoc/>
    public IReadOnlyList<string> FindErrors() =>
        !IsIn(configuration) || (Uri.TryCreate(configuration[Variable], UriKind.Absolute, out var address) && (address.Scheme == Uri.UriSchemeHttp || address.Scheme == Uri.UriSchemeHttps))
            ? []
            : [$"{Variable} is no address; write http://HOST:4317, or https:// where the receiver has TLS"];
}
