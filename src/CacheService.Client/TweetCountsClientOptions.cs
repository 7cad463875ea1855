using System.ComponentModel.DataAnnotations;
using System.Security.Cryptography.X509Certificates;
using CacheService.Client.Connections;
using Grpc.Net.Client;

namespace CacheService.Client;

/// <summary>Where the servers are, and how patient a <see cref="TweetCountsClient"/> is.</summary>
public sealed class TweetCountsClientOptions : IValidatableObject
{
    /// <summary>
    /// The servers' gRPC addresses, such as <c>http://counts-1:5080</c>: one or more, all http or all https, without a path. Reads go to
    /// them in turn; each watch is at one of them, and moves to another when that one fails. <c>dns:///counts:5080</c> (http) and
    /// <c>dns+https:///counts:5080</c> are all servers that DNS has for that name, such as the pods behind a headless service of Kubernetes:
    /// those that come and go are followed.
    /// </summary>
    public IList<Uri> Addresses { get; set; } = [];

    /// <summary>
    /// How often the names of dns addresses are looked up; besides, when a connection fails, after a second at most. 1 second to 1 hour; 30 seconds
    /// unless set.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:01", "01:00:00")]
    public TimeSpan DnsRefreshInterval { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a read takes at most, with its retries. 1 ms to 1 day; 10 seconds unless set.</summary>
    [Range(typeof(TimeSpan), "00:00:00.001", "1.00:00:00")]
    public TimeSpan DefaultDeadline { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// How often the server sends something on a watch even when nothing changes. When nothing has come for three times as long the watch
    /// takes the connection for dead. 100 ms to 10 minutes; 5 seconds unless set.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00.100", "00:10:00")]
    public TimeSpan WatchHeartbeat { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// The longest pause between two attempts to connect. The pauses grow from 50 ms and are drawn at random from their upper half, so
    /// that clients which were cut off together do not come back together. 50 ms to 5 minutes; 5 seconds unless set.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00.050", "00:05:00")]
    public TimeSpan MaxBackoff { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>The key that says who calls, sent with every call; null for none. Over http it goes to this machine only, unless <see cref="AllowPlaintextApiKey"/>.</summary>
    public string? ApiKey { get; set; }

    /// <summary>Whether <see cref="ApiKey"/> may go to other machines over http, where whoever listens reads it: for networks that encrypt by themselves.</summary>
    public bool AllowPlaintextApiKey { get; set; }

    /// <summary>The authorities of which one has to have signed the servers' certificates; null for those that this machine trusts.</summary>
    public X509Certificate2Collection? CertificateAuthorities { get; set; }

    /// <summary>The certificate, with its private key, that says who calls, for servers that ask for one; null for none.</summary>
    public X509Certificate2? ClientCertificate { get; set; }

    /// <summary>A last hand on the options of every channel, for what the other options do not say; null for none.</summary>
    public Action<GrpcChannelOptions>? ConfigureChannel { get; set; }

    IEnumerable<ValidationResult> IValidatableObject.Validate(ValidationContext validationContext)
    {
        string[] member = [nameof(Addresses)];
        if (Addresses is null or { Count: 0 })
        {
            yield return new ValidationResult("Addresses is empty: name at least one server, such as http://127.0.0.1:5080.", member);
            yield break;
        }

        foreach (var address in Addresses.Where(address => NamedAddress.Parse(address) is null))
        {
            yield return new ValidationResult(
                $"Addresses: '{address}' is no address of a server: write http://host:port or https://host:port; or dns:///host:port or dns+https:///host:port for all servers of a name.", member);
        }

        if (Servers().Select(server => server.Scheme).Distinct().Count() > 1)
        {
            yield return new ValidationResult("Addresses: some are http and some are https; they have to be all the same.", member);
        }

        foreach (var result in ValidateSecurity())
        {
            yield return result;
        }
    }

    private IEnumerable<ValidationResult> ValidateSecurity()
    {
        var plaintext = Servers().Where(server => server.Scheme == Uri.UriSchemeHttp).ToList();

        // Never with its value: messages end up in logs.
        if (ApiKey is not null && (ApiKey.Length == 0 || ApiKey.Any(c => c is <= ' ' or > '~')))
        {
            yield return new ValidationResult("ApiKey: a key is one word of printable ASCII characters.", [nameof(ApiKey)]);
        }

        if (ApiKey is not null && !AllowPlaintextApiKey && plaintext.Find(address => !address.IsLoopback) is { } open)
        {
            yield return new ValidationResult(
                $"ApiKey: to {open} the key would cross the network in the clear: use https, or set AllowPlaintextApiKey if something else encrypts.", [nameof(ApiKey)]);
        }

        if ((CertificateAuthorities is not null || ClientCertificate is not null) && plaintext.Count > 0)
        {
            yield return new ValidationResult($"{plaintext[0]} is http, which knows no certificates: use https.", [nameof(Addresses)]);
        }

        if (CertificateAuthorities is { Count: 0 })
        {
            yield return new ValidationResult("CertificateAuthorities is empty: no server could be trusted.", [nameof(CertificateAuthorities)]);
        }

        if (ClientCertificate is { HasPrivateKey: false })
        {
            yield return new ValidationResult("ClientCertificate has no private key: load it with X509Certificate2.CreateFromPemFile(certificate, key).", [nameof(ClientCertificate)]);
        }
    }

    private IEnumerable<Uri> Servers() => Addresses.Select(NamedAddress.Parse).OfType<NamedAddress>().Select(address => address.Server);
}
