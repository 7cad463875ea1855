using System.Security.Cryptography.X509Certificates;
using CacheService.IntegrationTests.Infrastructure;

namespace CacheService.IntegrationTests.Security;

/// <summary>Starts that are refused, each in a line that says what to set; and that the same start is not, where it is set.</summary>
// Beside other fixtures: it has a database of its own, and measures nothing.
[Parallelizable(ParallelScope.Self)]
internal sealed class SecureStartTests
{
    private const string Database = "--ConnectionStrings:Postgres=Host=127.0.0.1;Port=1";

    private static readonly TestKey Key = new(0, "a", "Read");

    [Test]
    public async Task Start_BeyondLoopbackWithoutAuthentication_IsRefused()
    {
        var output = await StartAsync("--Kestrel:Endpoints:Grpc:Url=http://*:0");
        Assert.That(output, Does.StartWith("Bad setting: Kestrel:Endpoints:Grpc:Url is http://*:0, open to other machines, and nothing asks who calls: set Security:ApiKeys"));
        Assert.That(output, Does.Contain("Security:AllowAnonymousBeyondLoopback=true"));
    }

    [Test]
    public async Task Start_KeysInTheClearBeyondLoopback_IsRefused() =>
        Assert.That(await StartAsync(["--Kestrel:Endpoints:Grpc:Url=http://*:0", .. Key.Settings]), Does.Contain("API keys would cross the network in the clear").And.Contain("AllowPlaintextKeysBeyondLoopback"));

    // Built, not run: nothing of a test listens beyond this machine.
    [TestCase("--Security:AllowAnonymousBeyondLoopback=true")]
    [TestCase("--Security:AllowPlaintextKeysBeyondLoopback=true", true)]
    public async Task Build_BeyondLoopbackWhereAllowed_IsAccepted(string allowed, bool withKey = false)
    {
        await using var app = ServiceApp.Build([Database, "--Kestrel:Endpoints:Grpc:Url=http://*:0", allowed, .. withKey ? Key.Settings : []]);
        Assert.That(app, Is.Not.Null);
    }

    [Test]
    public async Task Build_BeyondLoopbackWithTlsAndKeys_IsAccepted()
    {
        await using var app = ServiceApp.Build([Database, "--Kestrel:Endpoints:Grpc:Url=https://*:0", .. Key.Settings]);
        Assert.That(app, Is.Not.Null);
    }

    [Test]
    public async Task Start_WithABadServerCertificate_SaysSoInOneLine()
    {
        using var files = new TestCertificates();
        using var others = new TestCertificates();
        using var certificate = files.Client("bundle");
        var pfx = files.Write("server.pfx", "");
        await File.WriteAllBytesAsync(pfx, certificate.Export(X509ContentType.Pfx, "right"));
        const string Path = "--Kestrel:Endpoints:Grpc:Certificate:Path=";
        const string KeyPath = "--Kestrel:Endpoints:Grpc:Certificate:KeyPath=";
        const string Words = "Kestrel:Endpoints:Grpc:Certificate:Path, KeyPath and Password";

        Assert.That(await StartAsync([.. files.ServerSettings, $"{KeyPath}{others.ServerKeyFile}"]), Does.Contain(Words), "the key of another");
        Assert.That(await StartAsync([.. files.ServerSettings, $"{Path}{files.Write("no.pem", "no PEM")}"]), Does.Contain(Words), "no PEM");
        Assert.That(await StartAsync("--Kestrel:Endpoints:Grpc:Url=https://127.0.0.1:0", $"{Path}{pfx}", "--Kestrel:Endpoints:Grpc:Certificate:Password=wrong-one"), Does.Contain(Words).And.Not.Contain("wrong-one"), "a wrong password");
        Assert.That(await StartAsync([.. files.ServerSettings, $"{Path}/nowhere/server.pem"]), Does.StartWith("Cannot start: ").And.Contain("/nowhere/server.pem"), "no file");
        Assert.That(await StartAsync("--Kestrel:Endpoints:Grpc:Url=https://127.0.0.1:0"), Does.StartWith("Cannot start: ").And.Contain("certificate"), "none");
    }

    [Test]
    public async Task Start_WithABadAuthority_SaysSoInOneLine()
    {
        using var files = new TestCertificates();
        const string Authority = "--Security:ClientCertificateAuthority=";
        Assert.That(await StartAsync([.. files.ServerSettings, $"{Authority}/nowhere/ca.pem"]), Does.StartWith("Bad setting: Security:ClientCertificateAuthority: ").And.Contain("/nowhere/ca.pem"));
        Assert.That(await StartAsync([.. files.ServerSettings, $"{Authority}{files.ServerKeyFile}"]), Does.Contain("has no certificate in it"));
    }

    private static async Task<string> StartAsync(params string[] settings)
    {
        // Whoever develops on the machine may have a certificate for it, which Kestrel takes where none is named.
        var home = Directory.CreateTempSubdirectory("home-");
        await using var service = ServiceProcess.Start([], [("HOME", home.FullName)], [Database, .. settings]);
        var (exitCode, output) = await service.WaitForExitAsync();

        // Kestrel logs a line of its own of files that it cannot use.
        var lines = output.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Where(line => !line.Contains("info:") && !line.Contains("warn:") && !line.Contains("KestrelServer[")).ToList();
        home.Delete(recursive: true);
        Assert.That(exitCode, Is.EqualTo(1), output);
        Assert.That(lines, Has.Count.EqualTo(1), output);
        return lines[0];
    }
}
