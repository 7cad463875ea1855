using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using CacheService.Settings;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.Options;

namespace CacheService.Security;

/// <summary>Mutual TLS: lets in who has a certificate of the configured authorities, and says who that is.</summary>
internal sealed partial class ClientCertificates : ISettingsCheck
{
    // A certificate belongs to a connection, which has many calls.
    private readonly ConditionalWeakTable<X509Certificate2, Caller> _callers = [];
    private readonly IOptions<SecurityOptions> _options;
    private readonly Lazy<RenewedFiles<X509Certificate2Collection>> _authorities;

    public ClientCertificates(IOptions<SecurityOptions> options, TimeProvider time, ILogger<ClientCertificates> logger)
    {
        _options = options;
        // Bad settings are told by their check, not here.
        _authorities = new(() =>
        {
            var path = options.Value.ClientCertificateAuthority;
            return new([path], contents => Read(contents[0]), time, () => LogRenewed(logger, path), e => LogUseless(logger, path, e.Message.ReplaceLineEndings(" ")));
        });
    }

    /// <summary>Whether certificates are asked for.</summary>
    public bool AreAskedFor => _options.Value.ClientCertificateAuthority.Length > 0;

    /// <summary>The holder of a certificate, which the handshake has found good.</summary>
    public Caller Holder(X509Certificate2 certificate) => _callers.GetValue(
        certificate, found => new Caller($"certificate {found.GetNameInfo(X509NameType.SimpleName, forIssuer: false)}", _options.Value.ClientCertificateRights));

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
            if (AreAskedFor)
            {
                Read(File.ReadAllBytes(_options.Value.ClientCertificateAuthority));
                // From here on there is something to go on with, whatever becomes of the file.
                _ = _authorities.Value.Current;
            }

            return [];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [$"{SecurityOptions.Section}:{nameof(SecurityOptions.ClientCertificateAuthority)}: {e.Message}"];
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            return [$"{SecurityOptions.Section}:{nameof(SecurityOptions.ClientCertificateAuthority)}: {_options.Value.ClientCertificateAuthority}: {e.Message}"];
        }
        catch (Exception e) when (e is OptionsValidationException or InvalidOperationException)
        {
            // Told by the check of the section.
            return [];
        }
    }

    private static X509Certificate2Collection Read(byte[] content)
    {
        var authorities = new X509Certificate2Collection();
        authorities.ImportFromPem(Encoding.UTF8.GetString(content));
        return authorities.Count > 0 ? authorities : throw new ArgumentException("the file has no certificate in it (PEM)");
    }

    // One for each connection: the handshake adds to it what the client sends.
    private X509ChainPolicy Policy()
    {
        var policy = new X509ChainPolicy
        {
            // The machine's own authorities sign for the whole world.
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = _options.Value.CheckCertificateRevocation ? X509RevocationMode.Online : X509RevocationMode.NoCheck,
            // An issuer's address is the client's word: nothing is fetched from there.
            DisableCertificateDownloads = true,
        };
        if (_authorities.Value.Current is { } authorities)
        {
            policy.CustomTrustStore.AddRange(authorities);
        }

        return policy;
    }

    [LoggerMessage(EventId = 4003, EventName = "AuthorityRenewed", Level = LogLevel.Information, Message = "The authorities of clients' certificates in {Path} were renewed; new connections are held against them.")]
    private static partial void LogRenewed(ILogger logger, string path);

    [LoggerMessage(EventId = 4004, EventName = "AuthorityUseless", Level = LogLevel.Warning, Message = "The new authorities of clients' certificates in {Path} are of no use, and the old ones still hold: {Reason}")]
    private static partial void LogUseless(ILogger logger, string path, string reason);
}
