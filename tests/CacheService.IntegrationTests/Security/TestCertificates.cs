using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using CacheService.IntegrationTests.Infrastructure;

namespace CacheService.IntegrationTests.Security;

/// <summary>An authority made for a test, and what it signs, in a folder that goes with it.</summary>
internal sealed class TestCertificates : IDisposable
{
    private const string ServerUse = "1.3.6.1.5.5.7.3.1";
    private const string ClientUse = "1.3.6.1.5.5.7.3.2";

    private readonly string _folder = TestFolders.NewPath();
    private readonly X509Certificate2 _authority;

    public TestCertificates()
    {
        Directory.CreateDirectory(_folder);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=Test authority", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, critical: true));
        _authority = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-30), DateTimeOffset.UtcNow.AddDays(30));
        AuthorityFile = Write("ca.pem", _authority.ExportCertificatePem());
        (ServerFile, ServerKeyFile) = Issue("server", ServerUse);
    }

    public string AuthorityFile { get; }

    public string ServerFile { get; }

    public string ServerKeyFile { get; }

    public X509Certificate2Collection Authorities => [X509CertificateLoader.LoadCertificate(_authority.RawData)];

    /// <summary>The settings of an https endpoint with the server's certificate.</summary>
    public string[] ServerSettings =>
    [
        "--Kestrel:Endpoints:Grpc:Url=https://127.0.0.1:0",
        $"--Kestrel:Endpoints:Grpc:Certificate:Path={ServerFile}",
        $"--Kestrel:Endpoints:Grpc:Certificate:KeyPath={ServerKeyFile}",
    ];

    /// <summary>Where the files are.</summary>
    public string Folder => _folder;

    /// <summary>A file with text in it.</summary>
    public string Write(string name, string text)
    {
        var path = Path.Combine(_folder, name);
        File.WriteAllText(path, text);
        return path;
    }

    /// <summary>The files of a client's certificate and its key.</summary>
    public (string Certificate, string Key) IssueClient(string name) => Issue(name, ClientUse);

    /// <summary>The files of another certificate for a server.</summary>
    public (string Certificate, string Key) IssueServer(string name, bool hasExpired = false, string host = "localhost") => Issue(name, ServerUse, hasExpired, host);

    /// <summary>A client's certificate.</summary>
    public X509Certificate2 Client(string name, bool hasExpired = false, bool isForServers = false)
    {
        var (certificate, key) = Issue(name, isForServers ? ServerUse : ClientUse, hasExpired);
        return X509Certificate2.CreateFromPemFile(certificate, key);
    }

    public void Dispose()
    {
        _authority.Dispose();
        TestFolders.Delete(_folder);
    }

    private (string Certificate, string Key) Issue(string name, string use, bool hasExpired = false, string host = "localhost")
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(use)], critical: false));
        var names = new SubjectAlternativeNameBuilder();
        if (host == "localhost")
        {
            names.AddIpAddress(IPAddress.Loopback);
        }

        names.AddDnsName(host);
        request.CertificateExtensions.Add(names.Build());
        var now = DateTimeOffset.UtcNow;
        using var certificate = request.Create(_authority, now.AddDays(-20), hasExpired ? now.AddDays(-10) : now.AddDays(20), RandomNumberGenerator.GetBytes(8));
        return (Write($"{name}.pem", certificate.ExportCertificatePem()), Write($"{name}.key", key.ExportPkcs8PrivateKeyPem()));
    }
}
