using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using CacheService.Settings;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.Options;

namespace CacheService.Security;

/// <summary>Mutual TLS: lets in who has a certificate of the configured authorities, and says who that is.</summary>
internal sealed class ClientCertificates(IOptions<SecurityOptions> options) : ISettingsCheck
{
    // A certificate belongs to a connection, which has many calls.
    private readonly ConditionalWeakTable<X509Certificate2, Caller> _callers = [];
    private readonly Lazy<X509Certificate2Collection> _authorities = new(() => Load(options.Value.ClientCertificateAuthority));

    /// <summary>Whether certificates are asked for.</summary>
    public bool AreAskedFor => options.Value.ClientCertificateAuthority.Length > 0;

    /// <summary>The holder of a certificate, which the handshake has found good.</summary>
    public Caller Holder(X509Certificate2 certificate) => _callers.GetValue(
        certificate, found => new Caller($"certificate {found.GetNameInfo(X509NameType.SimpleName, forIssuer: false)}", options.Value.ClientCertificateRights));

    /// <summary>Makes https endpoints ask for certificates, unless an endpoint's own settings say otherwise.</summary>
    public void Configure(HttpsConnectionAdapterOptions https)
    {
        https.ClientCertificateMode = ClientCertificateMode.RequireCertificate;
        https.OnAuthenticate = (_, tls) => tls.CertificateChainPolicy = Policy();
    }

    IReadOnlyList<string> ISettingsCheck.FindErrors()
    {
        try
        {
            return !AreAskedFor || _authorities.Value.Count > 0
                ? []
                : [$"{SecurityOptions.Section}:{nameof(SecurityOptions.ClientCertificateAuthority)}: {options.Value.ClientCertificateAuthority} has no certificate in it (PEM)"];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException)
        {
            return [$"{SecurityOptions.Section}:{nameof(SecurityOptions.ClientCertificateAuthority)}: {e.Message}"];
        }
        catch (Exception e) when (e is OptionsValidationException or InvalidOperationException)
        {
            // Told by the check of the section.
            return [];
        }
    }

    private static X509Certificate2Collection Load(string path)
    {
        var authorities = new X509Certificate2Collection();
        authorities.ImportFromPemFile(path);
        return authorities;
    }

    // One for each connection: the handshake adds to it what the client sends.
    private X509ChainPolicy Policy()
    {
        var policy = new X509ChainPolicy
        {
            // The machine's own authorities sign for the whole world.
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = options.Value.CheckCertificateRevocation ? X509RevocationMode.Online : X509RevocationMode.NoCheck,
            // An issuer's address is the client's word: nothing is fetched from there.
            DisableCertificateDownloads = true,
        };
        policy.CustomTrustStore.AddRange(_authorities.Value);
        return policy;
    }
}
