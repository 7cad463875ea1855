using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using CacheService.Client;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace CacheService.Tests.Client;

public sealed class TweetCountsClientOptionsTests
{
    private static readonly Uri Local = new("http://127.0.0.1:5080");

    [Test]
    public void Constructor_Defaults_AreValid()
    {
        using var client = new TweetCountsClient(new TweetCountsClientOptions { Addresses = [Local] });
        Assert.That(client, Is.Not.Null);
    }

    [Test]
    public void Constructor_SeveralAreWrong_NamesThemAll()
    {
        var options = new TweetCountsClientOptions { DefaultDeadline = TimeSpan.Zero, DnsRefreshInterval = TimeSpan.Zero, WatchHeartbeat = TimeSpan.FromMilliseconds(1), MaxBackoff = TimeSpan.FromHours(1) };

        var error = Assert.Throws<OptionsValidationException>(() => new TweetCountsClient(options));

        Assert.That(error!.Message, Does.Contain("Addresses is empty").And.Contain("DefaultDeadline").And.Contain("DnsRefreshInterval").And.Contain("WatchHeartbeat").And.Contain("MaxBackoff"));
    }

    [TestCase("counts:5080")]
    [TestCase("ftp://counts")]
    [TestCase("http://counts/path")]
    [TestCase("http://user@counts")]
    [TestCase("dns:///")]
    [TestCase("dns:///counts:5080/path")]
    [TestCase("dns://10.0.0.1/counts:5080")]
    [TestCase("dns+http:///counts:5080")]
    public void Constructor_NoServersAddress_Throws(string address)
    {
        var options = new TweetCountsClientOptions { Addresses = [Local, new Uri(address, UriKind.RelativeOrAbsolute)] };

        Assert.That(() => new TweetCountsClient(options), Throws.TypeOf<OptionsValidationException>().With.Message.Contains(address));
    }

    [TestCase("dns:///counts.example:5080")]
    [TestCase("dns:counts.example:5080")]
    public void Constructor_NamesOfSeveralServers_AreValid(string address)
    {
        using var client = new TweetCountsClient(new TweetCountsClientOptions { Addresses = [Local, new Uri(address)] });
        Assert.That(client, Is.Not.Null);
    }

    [TestCase("https://counts")]
    [TestCase("dns+https:///counts")]
    public void Constructor_MixedSchemes_Throws(string address)
    {
        var options = new TweetCountsClientOptions { Addresses = [Local, new Uri(address)] };

        Assert.That(() => new TweetCountsClient(options), Throws.TypeOf<OptionsValidationException>().With.Message.Contains("all the same"));
    }

    [TestCase("http://127.0.0.1:5080", "twc_secret", false, null)]
    [TestCase("https://counts:5080", "twc_secret", false, null)]
    [TestCase("http://counts:5080", "twc_secret", true, null)]
    [TestCase("dns+https:///counts:5080", "twc_secret", false, null)]
    [TestCase("dns:///localhost:5080", "twc_secret", false, null)]
    [TestCase("dns:///counts:5080", "twc_secret", false, "in the clear")]
    [TestCase("http://counts:5080", "twc_secret", false, "in the clear")]
    [TestCase("https://counts:5080", "", false, "one word of printable ASCII")]
    [TestCase("https://counts:5080", "twc_secret\n", false, "one word of printable ASCII")]
    public void Constructor_WithAnApiKey_IsRefusedWhereItWouldLeak(string address, string key, bool allowPlaintext, string? words)
    {
        var options = new TweetCountsClientOptions { Addresses = [new Uri(address)], ApiKey = key, AllowPlaintextApiKey = allowPlaintext };
        if (words is null)
        {
            using var client = new TweetCountsClient(options);
            Assert.That(client, Is.Not.Null);
        }
        else
        {
            Assert.That(() => new TweetCountsClient(options), Throws.TypeOf<OptionsValidationException>().With.Message.Contains(words).And.Message.Not.Contains("secret"));
        }
    }

    [Test]
    public void Constructor_BadCertificates_AreNamed()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var certificate = new CertificateRequest("CN=a", key, HashAlgorithmName.SHA256).CreateSelfSigned(DateTimeOffset.UtcNow, DateTimeOffset.UtcNow.AddDays(1));
        using var withoutKey = X509CertificateLoader.LoadCertificate(certificate.RawData);

        Assert.That(() => new TweetCountsClient(new TweetCountsClientOptions { Addresses = [new Uri("https://counts")], CertificateAuthorities = [], ClientCertificate = withoutKey }),
            Throws.TypeOf<OptionsValidationException>().With.Message.Contains("no private key").And.Message.Contains("CertificateAuthorities is empty"));
        Assert.That(() => new TweetCountsClient(new TweetCountsClientOptions { Addresses = [Local], ClientCertificate = certificate }),
            Throws.TypeOf<OptionsValidationException>().With.Message.Contains("use https"));
    }

    [Test]
    public async Task AddTweetCountsClient_Valid_GivesOneClientToAll()
    {
        await using var services = new ServiceCollection().AddTweetCountsClient(options => options.Addresses.Add(Local)).BuildServiceProvider();

        var client = services.GetRequiredService<TweetCountsClient>();
        using var scope = services.CreateScope();
        Assert.That(scope.ServiceProvider.GetRequiredService<TweetCountsClient>(), Is.SameAs(client));
    }

    [Test]
    public async Task AddTweetCountsClient_Invalid_FailsAtStart()
    {
        await using var services = new ServiceCollection().AddTweetCountsClient(_ => { }).BuildServiceProvider();

        Assert.Throws<OptionsValidationException>(() => services.GetRequiredService<IStartupValidator>().Validate());
    }

    [Test]
    public void WatchOptions_NoIdsOrBadOnes_Throw()
    {
        Assert.Throws<ArgumentException>(() => WatchOptions.Of());
        Assert.Throws<ArgumentOutOfRangeException>(() => WatchOptions.Of(1, 0));
        Assert.That(WatchOptions.Of(1, 2, 1).MessageIds, Is.EqualTo([1L, 2L]));
        Assert.That(WatchOptions.All.MessageIds, Is.Null);
    }
}
