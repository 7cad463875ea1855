using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace CacheService.Security;

/// <summary>Who may call: the section <c>Security</c>.</summary>
internal sealed class SecurityOptions : IValidatableObject
{
    /// <summary>The section's name.</summary>
    public const string Section = "Security";

    /// <summary>Stands for all origins.</summary>
    public const string AnyOrigin = "*";

    /// <summary>The keys that callers may send as metadata <c>authorization: Bearer KEY</c>.</summary>
    [Description("The keys that callers may send as metadata (authorization: Bearer KEY).")]
    [MaxLength(10_000)]
    [ValidateEnumeratedItems]
    public IList<ApiKeyOptions> ApiKeys { get; set; } = [];

    /// <summary>A PEM file with the authorities that sign client certificates.</summary>
    [Description("A PEM file with the authorities that sign client certificates. If set, https endpoints let nobody in without one (Kestrel:Endpoints:Grpc:ClientCertificateMode=AllowCertificate: nor those without a key).")]
    [StringLength(4096)]
    public string ClientCertificateAuthority { get; set; } = "";

    /// <summary>What the holder of a client certificate may do who sends no API key.</summary>
    [Description("What the holder of a client certificate may do who sends no API key.")]
    [EnumDataType(typeof(Rights))]
    public Rights ClientCertificateRights { get; set; } = Rights.Read | Rights.Watch;

    /// <summary>Whether to ask, online, for revoked client certificates; where the answer does not come, the client is refused.</summary>
    [Description("Whether to ask, online, for revoked client certificates; where the answer does not come, the client is refused.")]
    public bool CheckCertificateRevocation { get; set; }

    /// <summary>Whether counts may be served beyond this machine to callers whom nobody knows.</summary>
    [Description("Whether counts may be served beyond this machine to callers whom nobody knows.")]
    public bool AllowAnonymousBeyondLoopback { get; set; }

    /// <summary>Whether API keys may be asked for beyond this machine without TLS, where whoever listens reads them.</summary>
    [Description("Whether API keys may be asked for beyond this machine without TLS, where whoever listens reads them.")]
    public bool AllowPlaintextKeysBeyondLoopback { get; set; }

    /// <summary>Whether counts are served over HTTP and gRPC-Web as well.</summary>
    [Description("Whether counts are served over HTTP and gRPC-Web as well. If not, an endpoint with the protocol Http1 serves /health alone, which is for everybody, and may be open to other machines.")]
    public bool AllowHttp { get; set; } = true;

    /// <summary>The origins of web pages whose scripts may call, with commas between them.</summary>
    [Description("The origins of web pages of other servers whose scripts may call, over HTTP and gRPC-Web: https://app.example.com, with commas between several; * for all pages.")]
    [StringLength(10_000)]
    public string CorsOrigins { get; set; } = "";

    /// <summary>The origins of <see cref="CorsOrigins"/>, one by one.</summary>
    public IReadOnlyList<string> Origins() => CorsOrigins.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    /// <summary>Whether the scripts of a page may call.</summary>
    public bool AllowsPage(string origin) => Origins().Any(allowed => allowed == AnyOrigin || allowed.Equals(origin, StringComparison.OrdinalIgnoreCase));

    /// <summary>Whether callers have to say who they are.</summary>
    public bool AsksWhoCalls() => ApiKeys.Count > 0 || ClientCertificateAuthority.Length > 0;

    private static bool IsOrigin(string origin) =>
        Uri.TryCreate(origin, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https" && uri.GetLeftPart(UriPartial.Authority).Equals(origin, StringComparison.OrdinalIgnoreCase);

    IEnumerable<ValidationResult> IValidatableObject.Validate(ValidationContext validationContext)
    {
        foreach (var name in ApiKeys.GroupBy(key => key.Name).Where(keys => keys.Count() > 1 && keys.Key is { Length: > 0 }).Select(keys => keys.Key))
        {
            yield return new ValidationResult($"ApiKeys: two are named '{name}'.", [nameof(ApiKeys)]);
        }

        foreach (var origin in Origins().Where(origin => origin != AnyOrigin && !IsOrigin(origin)))
        {
            yield return new ValidationResult($"CorsOrigins: '{origin}' is no origin; write scheme and host, such as https://app.example.com or http://localhost:3000.", [nameof(CorsOrigins)]);
        }

        if (ApiKeys.Where(key => key.Sha256 is { Length: > 0 }).GroupBy(key => key.Sha256, StringComparer.OrdinalIgnoreCase).Any(keys => keys.Count() > 1))
        {
            yield return new ValidationResult("ApiKeys: two have the same Sha256.", [nameof(ApiKeys)]);
        }
    }
}

[OptionsValidator]
internal sealed partial class SecurityOptionsValidator : IValidateOptions<SecurityOptions>;
