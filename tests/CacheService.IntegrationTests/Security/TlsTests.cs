using System.Security.Cryptography.X509Certificates;
using CacheService.Client;
using CacheService.IntegrationTests.Infrastructure;
using CacheService.IntegrationTests.Tool;
using Grpc.Core;
using Grpc.Net.Client;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Security;

/// <summary>TLS and mutual TLS, from the client library and the command line.</summary>
// Beside other fixtures: it has a database of its own, and measures nothing.
[Parallelizable(ParallelScope.Self)]
internal sealed class TlsTests
{
    private static readonly TestKey Reader = new(0, "reader", "Read");

    private TestCertificates _certificates = null!;
    private TestCertificates _others = null!;
    private TestDatabase _database = null!;
    private RunningService _service = null!;
    private RunningService _mutual = null!;

    [OneTimeSetUp]
    public async Task StartServices()
    {
        (_certificates, _others) = (new TestCertificates(), new TestCertificates());
        _database = await TestDatabase.CreateAsync();
        _service = await RunningService.StartAsync(_database.ConnectionString, _certificates.ServerSettings);
        await _database.AddMessagesAsync(3);
        using var client = new TweetCountsClient(Options(_service));
        await client.GetCountsAsync(3, ReadRequirement.Strong);
        _mutual = await RunningService.StartAsync(
            _database.ConnectionString, [.. _certificates.ServerSettings, $"--Security:ClientCertificateAuthority={_certificates.AuthorityFile}", .. Reader.Settings]);
    }

    [OneTimeTearDown]
    public async Task StopServices()
    {
        await _mutual.DisposeAsync();
        await _service.DisposeAsync();
        await _database.DisposeAsync();
        _certificates.Dispose();
        _others.Dispose();
    }

    [Test]
    public async Task Tls_WithTheAuthority_ReadsAndWatches()
    {
        using var client = new TweetCountsClient(Options(_service));
        await AssertReadsAndWatchesAsync(client);
    }

    [TestCase("1.1")]
    [TestCase("2.0")]
    public async Task Tls_OfTheHttpEndpoint_SpeaksBothVersions(string version)
    {
        string[] settings = [.. _certificates.ServerSettings, .. _certificates.ServerSettings.Select(setting => setting.Replace(":Grpc:", ":Http:", StringComparison.Ordinal))];
        await using var service = await RunningService.StartAsync(_database.ConnectionString, settings);
        using var handler = new SocketsHttpHandler { SslOptions = { CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust } } };
        handler.SslOptions.CertificateChainPolicy.CustomTrustStore.AddRange(_certificates.Authorities);
        handler.SslOptions.CertificateChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        using var http = new HttpClient(handler) { DefaultRequestVersion = new Version(version), DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact };
        using var answer = await http.GetAsync(new Uri(service.HttpAddress, "v1/messages/3/counts"));
        Assert.That((answer.StatusCode, answer.Version), Is.EqualTo((System.Net.HttpStatusCode.OK, new Version(version))));
    }

    [Test]
    public async Task Tls_OverTwoServers_ReadsAndWatches()
    {
        var options = Options(_service);
        options.Addresses.Add(new Uri($"https://localhost:{_service.GrpcAddress.Port}"));
        using var client = new TweetCountsClient(options);
        for (var i = 0; i < 4; i++)
        {
            await AssertReadsAndWatchesAsync(client);
        }
    }

    [Test]
    public async Task Tls_WithoutTheAuthority_TrustsNobody()
    {
        var options = Options(_service);
        foreach (var authorities in new[] { null, _others.Authorities })
        {
            options.CertificateAuthorities = authorities;
            using var client = new TweetCountsClient(options);
            var error = await Assert.ThrowsAsync<RpcException>(() => client.GetStatusAsync());
            Assert.That(error!.Status.DebugException?.GetBaseException().Message, Does.Contain("certificate"));
        }
    }

    [Test]
    public async Task Tls_PlainHttp_GetsNoAnswer()
    {
        using var channel = GrpcChannel.ForAddress($"http://127.0.0.1:{_service.GrpcAddress.Port}");
        Assert.That((await new TweetCountsService.TweetCountsServiceClient(channel).ReadAsync()).StatusCode, Is.Not.EqualTo(StatusCode.OK));
    }

    [Test]
    public async Task MutualTls_WithACertificate_ReadsAndWatches()
    {
        var options = Options(_mutual);
        options.ClientCertificate = _certificates.Client("dashboard");
        using var client = new TweetCountsClient(options);
        await AssertReadsAndWatchesAsync(client);
    }

    [Test]
    public async Task MutualTls_WithABadCertificateOrNone_DoesNotGetIn()
    {
        var bad = new[] { null, _others.Client("dashboard"), _certificates.Client("late", hasExpired: true), _certificates.Client("server-only", isForServers: true) };
        foreach (var certificate in bad)
        {
            var options = Options(_mutual);
            options.ClientCertificate = certificate;
            using var client = new TweetCountsClient(options);
            var read = await Assert.ThrowsAsync<RpcException>(() => client.GetStatusAsync());
            Assert.That(read!.StatusCode, Is.EqualTo(StatusCode.Unavailable).Or.EqualTo(StatusCode.Internal), $"{certificate?.Subject}: {read}");
            Assert.That(read.Status.DebugException, Is.Not.Null, "the handshake fails: no call arrives");
        }
    }

    [Test]
    public async Task MutualTls_WithAKeyToo_HasTheKeysRights()
    {
        var options = Options(_mutual);
        options.ClientCertificate = _certificates.Client("with-key");
        options.ApiKey = Reader.Key;
        using var client = new TweetCountsClient(options);
        await client.GetStatusAsync();
        var watch = await Assert.ThrowsAsync<RpcException>(() => FirstUpdateAsync(client));
        Assert.That(watch!.StatusCode, Is.EqualTo(StatusCode.PermissionDenied));

        options.ApiKey = "wrong";
        using var wrong = new TweetCountsClient(options);
        Assert.That((await Assert.ThrowsAsync<RpcException>(() => wrong.GetStatusAsync()))!.StatusCode, Is.EqualTo(StatusCode.Unauthenticated), "a wrong key is no key");
    }

    [Test]
    public async Task MutualTls_WithLessRights_IsToldWhichIsMissing()
    {
        await using var service = await RunningService.StartAsync(
            _database.ConnectionString,
            [.. _certificates.ServerSettings, $"--Security:ClientCertificateAuthority={_certificates.AuthorityFile}", "--Security:ClientCertificateRights=Read"]);
        var options = Options(service);
        options.ClientCertificate = _certificates.Client("reader");
        using var client = new TweetCountsClient(options);
        await client.GetStatusAsync();
        var watch = await Assert.ThrowsAsync<RpcException>(() => FirstUpdateAsync(client));
        Assert.That(watch!.StatusCode, Is.EqualTo(StatusCode.PermissionDenied));
        Assert.That(watch.Status.Detail, Does.StartWith("'certificate reader' lacks the right Watch"));
    }

    [Test]
    public async Task MutualTls_WhereCertificatesAreAllowedOnly_TakesAKeyInstead()
    {
        await using var service = await RunningService.StartAsync(
            _database.ConnectionString,
            [
                .. _certificates.ServerSettings, $"--Security:ClientCertificateAuthority={_certificates.AuthorityFile}", .. Reader.Settings,
                "--Kestrel:Endpoints:Grpc:ClientCertificateMode=AllowCertificate",
            ]);
        var options = Options(service);
        using var nobody = new TweetCountsClient(options);
        var refused = await Assert.ThrowsAsync<RpcException>(() => nobody.GetStatusAsync());
        Assert.That(refused!.StatusCode, Is.EqualTo(StatusCode.Unauthenticated));
        Assert.That(refused.Status.Detail, Does.Contain("or connect with a client certificate"));

        options.ApiKey = Reader.Key;
        using var withKey = new TweetCountsClient(options);
        await withKey.GetStatusAsync();

        options.ApiKey = null;
        options.ClientCertificate = _others.Client("stranger");
        using var stranger = new TweetCountsClient(options);
        Assert.That((await Assert.ThrowsAsync<RpcException>(() => stranger.GetStatusAsync()))!.Status.DebugException, Is.Not.Null, "the handshake fails");
    }

    [Test]
    public async Task Tool_OverTls_GetsInWithTheAuthorityAndTheCertificate()
    {
        var (certificate, key) = _certificates.IssueClient("tool");
        string[] status = ["status", "--address", _mutual.GrpcAddress.ToString()];

        var run = await ToolRun.RunAsync([.. status, "--ca", _certificates.AuthorityFile, "--client-cert", certificate, "--client-key", key]);
        Assert.That(run.ExitCode, Is.Zero, run.Error);
        Assert.That((await ToolRun.RunAsync([.. status, "--ca", _certificates.AuthorityFile])).ExitCode, Is.EqualTo(1), "no certificate");
        Assert.That((await ToolRun.RunAsync([.. status, "--ca", _others.AuthorityFile, "--client-cert", certificate, "--client-key", key])).Error, Does.Contain("no trust in what answers").And.Contain("--ca"));
        Assert.That((await ToolRun.RunAsync([.. status, "--client-key", key])).Error, Does.Contain("--client-cert"));
        Assert.That((await ToolRun.RunAsync([.. status, "--ca", key])).Error, Does.Contain("no certificate is in it"));
        Assert.That((await ToolRun.RunAsync([.. status, "--client-cert", certificate])).Error, Does.Contain("is of no use as client certificate"));
        Assert.That((await ToolRun.RunAsync("status", "--address", "http://127.0.0.1:1", "--ca", _certificates.AuthorityFile)).Error, Does.Contain("use https"));
    }

    private TweetCountsClientOptions Options(RunningService service)
    {
        var options = service.Options();
        options.CertificateAuthorities = _certificates.Authorities;
        return options;
    }

    private static async Task AssertReadsAndWatchesAsync(TweetCountsClient client)
    {
        Assert.That((await client.GetStatusAsync()).Messages, Is.EqualTo(3));
        await FirstUpdateAsync(client);
    }

    private static async Task FirstUpdateAsync(TweetCountsClient client)
    {
        await foreach (var update in client.WatchAsync(CacheService.Client.WatchOptions.All))
        {
            Assert.That(update, Is.InstanceOf<WatchUpdate.Connected>());
            return;
        }
    }
}
