using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace CacheService.Security;

/// <summary>Who may call: the section <c>Security</c>.</summary>
internal sealed class SecurityOptions : IValidatableObject
{
    /// <summary>The section's name.</summary>
    public const string Section = "Security";

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

    /// <summary>Whether gRPC may be served beyond this machine to callers whom nobody knows.</summary>
    [Description("Whether gRPC may be served beyond this machine to callers whom nobody knows.")]
    public bool AllowAnonymousBeyondLoopback { get; set; }

    /// <summary>Whether API keys may be asked for beyond this machine without TLS, where whoever listens reads them.</summary>
    [Description("Whether API keys may be asked for beyond this machine without TLS, where whoever listens reads them.")]
    public bool AllowPlaintextKeysBeyondLoopback { get; set; }

    /// <summary>Whether callers have to say who they are.</summary>
    public bool AsksWhoCalls() => ApiKeys.Count > 0 || ClientCertificateAuthority.Length > 0;

    IEnumerable<ValidationResult> IValidatableObject.Validate(ValidationContext validationContext)
    {
        foreach (var name in ApiKeys.GroupBy(key => key.Name).Where(keys => keys.Count() > 1 && keys.Key is { Length: > 0 }).Select(keys => keys.Key))
        {
            yield return new ValidationResult($"ApiKeys: two are named '{name}'.", [nameof(ApiKeys)]);
        }

        if (ApiKeys.Where(key => key.Sha256 is { Length: > 0 }).GroupBy(key => key.Sha256, StringComparer.OrdinalIgnoreCase).Any(keys => keys.Count() > 1))
        {
            yield return new ValidationResult("ApiKeys: two have the same Sha256.", [nameof(ApiKeys)]);
        }
    }
}

[OptionsValidator]
internal sealed partial class SecurityOptionsValidator : IValidateOptions<SecurityOptions>;
