using System.ComponentModel;

namespace CacheService.Telemetry;

/// <summary>What is measured, and who may ask for it: the section <c>Metrics</c>.</summary>
internal sealed class MetricsOptions
{
    /// <summary>The section's name.</summary>
    public const string Section = "Metrics";

    /// <summary>Whether <c>GET /metrics</c> is served.</summary>
    [Description("Whether GET /metrics is served, for Prometheus: beyond this machine only to callers with the right Read, or where Security:AllowAnonymousBeyondLoopback says that everybody may call.")]
    public bool Prometheus { get; set; } = true;

    /// <summary>Whether ASP.NET Core and Kestrel measure each call.</summary>
    [Description("Whether ASP.NET Core and Kestrel measure each call (http.server.request.duration, http.server.active_requests, kestrel.queued_requests): GetCounts takes a sixth more processor time for it. Reads are counted in any case, and so are calls that fail.")]
    public bool EachCall { get; set; }
}
