using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using CacheService.Client;
using CacheService.IntegrationTests.Infrastructure;

namespace CacheService.IntegrationTests.Security;

/// <summary>Certificates that are replaced under a running service: new connections are shown the new one, and open calls go on.</summary>
// Beside other fixtures: it has a database of its own, and measures nothing.
[Parallelizable(ParallelScope.Self)]
internal sealed class RenewedCertificatesTests
{
    private TestCertificates _files = null!;
    private TestDatabase _database = null!;

    [SetUp]
    public async Task CreateDatabase()
    {
        _files = new TestCertificates();
        _database = await TestDatabase.CreateAsync();
        await _database.ApplySchemaAsync();
        await _database.AddMessagesAsync(1);
    }

    [TearDown]
    public async Task DropDatabase()
    {
        await _database.DisposeAsync();
        _files.Dispose();
    }

    [Test]
    public Task Pem_ReplacedInPlace_IsShownAndOpenWatchesGoOn() => AssertRenewsAsync(
        _files.ServerSettings,
        () =>
        {
            var (certificate, key) = _files.IssueServer("next");
            File.Copy(key, _files.ServerKeyFile, overwrite: true);
            File.Copy(certificate, _files.ServerFile, overwrite: true);
        });

    [Test]
    public Task Pem_SwappedBehindALink_IsShownAndOpenWatchesGoOn()
    {
        // As Kubernetes does it: the files are links into ..data, which is a link to the folder of the day.
        MakeFolder("day1", _files.ServerFile, _files.ServerKeyFile);
        var data = Path.Combine(_files.Folder, "..data");
        Directory.CreateSymbolicLink(data, "day1");
        var (certificate, key) = (Path.Combine(_files.Folder, "tls.crt"), Path.Combine(_files.Folder, "tls.key"));
        File.CreateSymbolicLink(certificate, "..data/tls.crt");
        File.CreateSymbolicLink(key, "..data/tls.key");
        return AssertRenewsAsync(
            Settings($"Path={certificate}", $"KeyPath={key}"),
            () =>
            {
                var next = _files.IssueServer("next");
                MakeFolder("day2", next.Certificate, next.Key);
                Directory.CreateSymbolicLink(data + "_tmp", "day2");
                Assert.That(Rename(data + "_tmp", data), Is.True);
            });
    }

    [Test]
    public async Task Pfx_Replaced_IsShownAndOpenWatchesGoOn()
    {
        var path = Path.Combine(_files.Folder, "server.pfx");
        await WritePfxAsync(_files.ServerFile, _files.ServerKeyFile);
        await AssertRenewsAsync(
            Settings($"Path={path}", "Password=word"),
            () =>
            {
                var (certificate, key) = _files.IssueServer("next");
                using var next = X509Certificate2.CreateFromPemFile(certificate, key);
                File.WriteAllBytes(path, next.Export(X509ContentType.Pfx, "word"));
            });

        async Task WritePfxAsync(string certificate, string key)
        {
            using var pair = X509Certificate2.CreateFromPemFile(certificate, key);
            await File.WriteAllBytesAsync(path, pair.Export(X509ContentType.Pfx, "word"));
        }
    }

    [Test]
    public async Task Pem_ReplacedByWhatIsOfNoUse_LeavesTheOldOneAndSaysSo()
    {
        await using var service = await RunningService.StartAsync(_database.ConnectionString, _files.ServerSettings);
        var first = await ShownAsync(service);
        var good = await File.ReadAllTextAsync(_files.ServerFile);

        await File.WriteAllTextAsync(_files.ServerFile, "no PEM");
        await Wait.UntilAsync(async () => await ShownAsync(service) == first && service.Log.Has("CertificateUseless"), RunningService.Patience, "it is said");
        File.Delete(_files.ServerFile);
        await Wait.UntilAsync(async () => await ShownAsync(service) == first && service.Log.Count("CertificateUseless") == 2, RunningService.Patience, "no file is said too");
        await File.WriteAllTextAsync(_files.ServerFile, good);
        Assert.That(await ShownAsync(service), Is.EqualTo(first));
    }

    [Test]
    public async Task ClientAuthority_Replaced_LetsNewClientsInAndOldOnesStay()
    {
        using var others = new TestCertificates();
        var authority = _files.Write("clients.pem", await File.ReadAllTextAsync(_files.AuthorityFile));
        await using var service = await RunningService.StartAsync(_database.ConnectionString, [.. _files.ServerSettings, $"--Security:ClientCertificateAuthority={authority}"]);
        using var old = Client(service, _files.Client("old"));
        await using var watch = await OpenWatchAsync(old);
        using var stranger = others.Client("new");
        Assert.That(await CanCallAsync(service, stranger), Is.False);

        await File.WriteAllTextAsync(authority, await File.ReadAllTextAsync(others.AuthorityFile));
        await Wait.UntilAsync(() => CanCallAsync(service, stranger), RunningService.Patience, "the new authority's clients are let in");
        using var another = _files.Client("another");
        Assert.That(await CanCallAsync(service, another), Is.False, "the old authority's are not");
        await AssertGoesOnAsync(watch);
    }

    private async Task AssertRenewsAsync(string[] settings, Action replace)
    {
        await using var service = await RunningService.StartAsync(_database.ConnectionString, settings);
        using var client = Client(service, null);
        await using var watch = await OpenWatchAsync(client);
        var first = await ShownAsync(service);
        replace();
        await Wait.UntilAsync(async () => await ShownAsync(service) != first, RunningService.Patience, "the new certificate is shown");
        Assert.That(service.Log.Has("CertificateRenewed"));
        await AssertGoesOnAsync(watch);
    }

    private async Task AssertGoesOnAsync(IAsyncEnumerator<WatchUpdate> watch)
    {
        await _database.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'rt')");
        while (await watch.MoveNextAsync().AsTask().WaitAsync(RunningService.Patience))
        {
            Assert.That(watch.Current, Is.Not.InstanceOf<WatchUpdate.Disconnected>());
            if (watch.Current is WatchUpdate.Changes { Counts: [{ Retweets: 1 }, ..] })
            {
                return;
            }
        }

        Assert.Fail("the watch has ended");
    }

    private static async Task<IAsyncEnumerator<WatchUpdate>> OpenWatchAsync(TweetCountsClient client)
    {
        var watch = client.WatchAsync(WatchOptions.All).GetAsyncEnumerator();
        Assert.That(await watch.MoveNextAsync().AsTask().WaitAsync(RunningService.Patience));
        return watch;
    }

    private TweetCountsClient Client(RunningService service, X509Certificate2? certificate)
    {
        var options = service.Options();
        options.CertificateAuthorities = _files.Authorities;
        options.ClientCertificate = certificate;
        return new TweetCountsClient(options);
    }

    private async Task<bool> CanCallAsync(RunningService service, X509Certificate2 certificate)
    {
        using var client = Client(service, certificate);
        try
        {
            await client.GetStatusAsync();
            return true;
        }
        catch (global::Grpc.Core.RpcException)
        {
            return false;
        }
    }

    /// <summary>The certificate that a new connection is shown: its thumbprint.</summary>
    private static async Task<string> ShownAsync(RunningService service)
    {
        using var connection = new TcpClient();
        await connection.ConnectAsync("127.0.0.1", service.GrpcAddress.Port);
        var shown = "";
        await using var tls = new SslStream(connection.GetStream());
        await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
        {
            TargetHost = "localhost",
            // What the endpoint insists on.
            ApplicationProtocols = [SslApplicationProtocol.Http2],
            RemoteCertificateValidationCallback = (_, certificate, _, _) =>
            {
                shown = certificate!.GetCertHashString();
                return shown.Length > 0;
            },
        });
        return shown;
    }

    private static string[] Settings(params string[] certificate) =>
        ["--Kestrel:Endpoints:Grpc:Url=https://127.0.0.1:0", .. certificate.Select(setting => $"--Kestrel:Endpoints:Grpc:Certificate:{setting}")];

    private void MakeFolder(string name, string certificate, string key)
    {
        var folder = Directory.CreateDirectory(Path.Combine(_files.Folder, name)).FullName;
        File.Copy(certificate, Path.Combine(folder, "tls.crt"));
        File.Copy(key, Path.Combine(folder, "tls.key"));
    }

    // As rename(2): .NET would follow the link.
    private static bool Rename(string from, string to)
    {
        using var move = System.Diagnostics.Process.Start("mv", ["-T", from, to]);
        move.WaitForExit();
        return move.ExitCode == 0;
    }
}
