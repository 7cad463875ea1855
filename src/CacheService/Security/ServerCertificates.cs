using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace CacheService.Security;

/// <summary>
/// The certificates that https endpoints show, chosen at each handshake, so that renewed files take effect while open connections go on. Kestrel itself would
/// close the endpoint and open it again. What the files hold at the start Kestrel has read, and refused if it is of no use.
/// </summary>
internal sealed partial class ServerCertificates(IConfiguration configuration, IHostEnvironment environment, TimeProvider time, ILogger<ServerCertificates> logger) : BackgroundService
{
    // Handshakes look too; where there are none for long, this is how a file that is of no use is found out.
    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(10);

    private readonly List<RenewedFiles<SslStreamCertificateContext>> _files = [];

    /// <summary>Makes Kestrel take its endpoints from the configuration once, and their certificates from here.</summary>
    /// <param name="kestrel">Kestrel's options.</param>
    /// <param name="httpsDefaults">What else every https endpoint is to have: Kestrel keeps only one such wish.</param>
    public void Configure(KestrelServerOptions kestrel, Action<HttpsConnectionAdapterOptions> httpsDefaults)
    {
        kestrel.ConfigureHttpsDefaults(httpsDefaults);
        var section = configuration.GetSection("Kestrel");
        var endpoints = section.GetSection("Endpoints").GetChildren().ToList();
        // Certificates by the name that a client asks for are Kestrel's matter, with its own way to renew them.
        if (endpoints.Any(endpoint => endpoint.GetSection("Sni").GetChildren().Any()))
        {
            return;
        }

        var loader = kestrel.Configure(section, reloadOnChange: false);
        var common = FilesOf(section.GetSection("Certificates:Default"));
        kestrel.ConfigureHttpsDefaults(https =>
        {
            httpsDefaults(https);
            Choose(https, common);
        });
        foreach (var endpoint in endpoints)
        {
            if (FilesOf(endpoint.GetSection("Certificate")) is { } own)
            {
                loader.Endpoint(endpoint.Key, configured => Choose(configured.HttpsOptions, own));
            }
        }
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(LookInterval, time);
        await using var stopped = stoppingToken.Register(timer.Dispose);
        do
        {
            _files.ForEach(files => _ = files.Current);
        }
        while (_files.Count > 0 && await timer.WaitForNextTickAsync(CancellationToken.None));
    }

    private static void Choose(HttpsConnectionAdapterOptions https, RenewedFiles<SslStreamCertificateContext>? files)
    {
        if (files is null)
        {
            return;
        }

        var others = https.OnAuthenticate;
        https.OnAuthenticate = (connection, tls) =>
        {
            others?.Invoke(connection, tls);
            if (files.Current is { } certificate)
            {
                tls.ServerCertificateContext = certificate;
            }
        };
    }

    private RenewedFiles<SslStreamCertificateContext>? FilesOf(IConfigurationSection certificate)
    {
        if (certificate["Path"] is not { Length: > 0 } relative)
        {
            return null;
        }

        var path = Path.Combine(environment.ContentRootPath, relative);
        var password = certificate["Password"];
        var isPem = certificate["KeyPath"] is { Length: > 0 };
        string[] paths = isPem ? [path, Path.Combine(environment.ContentRootPath, certificate["KeyPath"]!)] : [path];
        var files = new RenewedFiles<SslStreamCertificateContext>(
            paths,
            contents => isPem ? FromPem(Text(contents[0]), Text(contents[1]), password) : FromPfx(contents[0], password),
            time,
            () => LogRenewed(logger, path),
            e => LogUseless(logger, path, e.Message.ReplaceLineEndings(" ")));
        _files.Add(files);
        return files;
    }

    private static SslStreamCertificateContext FromPem(string certificates, string key, string? password)
    {
        var chain = new X509Certificate2Collection();
        chain.ImportFromPem(certificates);
        var certificate = string.IsNullOrEmpty(password) ? X509Certificate2.CreateFromPem(certificates, key) : X509Certificate2.CreateFromEncryptedPem(certificates, key, password);
        return Context(certificate, chain);
    }

    private static SslStreamCertificateContext FromPfx(byte[] content, string? password)
    {
        var all = X509CertificateLoader.LoadPkcs12Collection(content, password);
        var certificate = all.FirstOrDefault(each => each.HasPrivateKey) ?? throw new ArgumentException("it has no certificate with a private key");
        return Context(certificate, all);
    }

    private static SslStreamCertificateContext Context(X509Certificate2 certificate, X509Certificate2Collection all) =>
        SslStreamCertificateContext.Create(certificate, [.. all.Where(each => each.Thumbprint != certificate.Thumbprint)], offline: true);

    private static string Text(byte[] content) => Encoding.UTF8.GetString(content);

    [LoggerMessage(EventId = 4001, EventName = "CertificateRenewed", Level = LogLevel.Information, Message = "The certificate in {Path} was renewed; new connections are shown it.")]
    private static partial void LogRenewed(ILogger logger, string path);

    [LoggerMessage(EventId = 4002, EventName = "CertificateUseless", Level = LogLevel.Warning, Message = "The new certificate in {Path}, or its key, is of no use, and the old one is still shown: {Reason}")]
    private static partial void LogUseless(ILogger logger, string path, string reason);
}
