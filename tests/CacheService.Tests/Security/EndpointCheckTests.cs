using CacheService.Security;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;

namespace CacheService.Tests.Security;

/// <summary>Which addresses the service listens at, and under which conditions.</summary>
internal sealed class EndpointCheckTests
{
    private static readonly ApiKeyOptions Key = new() { Name = "a", Sha256 = new string('0', 64), Rights = Rights.Read };

    [TestCase("http://127.0.0.1:5080")]
    [TestCase("http://127.9.9.9:5080")]
    [TestCase("http://localhost:5080")]
    [TestCase("http://LOCALHOST:5080")]
    [TestCase("http://[::1]:5080")]
    [TestCase("http://unix:/run/counts.sock")]
    public void FindErrors_OnLoopbackWithoutAuthentication_FindsNone(string url) => Assert.That(Find(new SecurityOptions(), Grpc(url)), Is.Empty);

    [TestCase("http://0.0.0.0:5080")]
    [TestCase("http://*:5080")]
    [TestCase("http://+:5080")]
    [TestCase("http://[::]:5080")]
    [TestCase("http://192.0.2.1:5080")]
    [TestCase("http://[2001:db8::1]:5080")]
    [TestCase("http://localhost.example.com:5080")]
    [TestCase("http://counts:5080")]
    [TestCase("https://*:5080")]
    public void FindErrors_BeyondLoopbackWithoutAuthentication_SaysWhatToSet(string url)
    {
        var error = Find(new SecurityOptions(), Grpc(url)).Single();
        Assert.That(error, Does.StartWith("Kestrel:Endpoints:Grpc:Url is ").And.Contain("Security:ApiKeys").And.Contain("Security:AllowAnonymousBeyondLoopback=true").And.Not.Contain("\n"));
        Assert.That(Find(new SecurityOptions { AllowAnonymousBeyondLoopback = true }, Grpc(url)), Is.Empty);
    }

    [Test]
    public void FindErrors_KeysBeyondLoopback_WantsTls()
    {
        Assert.That(Find(new SecurityOptions { ApiKeys = [Key] }, Grpc("http://*:5080")).Single(), Does.Contain("Kestrel:Endpoints:Grpc:Certificate:Path").And.Contain("Security:AllowPlaintextKeysBeyondLoopback=true"));
        Assert.That(Find(new SecurityOptions { ApiKeys = [Key], AllowPlaintextKeysBeyondLoopback = true }, Grpc("http://*:5080")), Is.Empty);
        Assert.That(Find(new SecurityOptions { ApiKeys = [Key] }, Grpc("https://*:5080")), Is.Empty);
        Assert.That(Find(new SecurityOptions { ApiKeys = [Key] }, Grpc("http://127.0.0.1:5080")), Is.Empty);
    }

    [Test]
    public void FindErrors_ClientCertificatesWithoutTls_SaysThatNobodyGetsIn()
    {
        var certificates = new SecurityOptions { ClientCertificateAuthority = "ca.pem" };
        Assert.That(Find(certificates, Grpc("http://127.0.0.1:5080"), Protocols("Http2")).Single(), Does.Contain("https"));
        Assert.That(Find(certificates, Grpc("https://*:5080"), Protocols("Http2")), Is.Empty);
        Assert.That(Find(certificates, Grpc("http://127.0.0.1:5080")), Is.Empty, "HTTP/1.1 still has /health");
        Assert.That(Find(new SecurityOptions { ClientCertificateAuthority = "ca.pem", ApiKeys = [Key] }, Grpc("http://127.0.0.1:5080"), Protocols("Http2")), Is.Empty, "keys get in");
    }

    [TestCase("Http1")]
    [TestCase("Http1AndHttp2")]
    [TestCase(null)]
    public void FindErrors_HttpBeyondLoopback_IsLikeGrpc(string? protocols)
    {
        (string, string)[] settings = [("Kestrel:Endpoints:Http:Url", "http://*:5081"), .. protocols is null ? [] : new[] { ("Kestrel:Endpoints:Http:Protocols", protocols) }];
        Assert.That(Find(new SecurityOptions(), settings).Single(), Does.StartWith("Kestrel:Endpoints:Http:Url is ").And.Contain("Security:ApiKeys"));
        Assert.That(Find(new SecurityOptions { ApiKeys = [Key] }, settings).Single(), Does.Contain("in the clear"));
    }

    [Test]
    public void FindErrors_HealthAloneBeyondLoopback_IsForEverybody()
    {
        var health = new SecurityOptions { AllowHttp = false };
        Assert.That(Find(health, ("Kestrel:Endpoints:Http:Url", "http://*:5081"), ("Kestrel:Endpoints:Http:Protocols", "Http1")), Is.Empty);
        Assert.That(Find(health, ("Kestrel:Endpoints:Http:Url", "http://*:5081"), ("Kestrel:EndpointDefaults:Protocols", "Http1")), Is.Empty);
        Assert.That(Find(health, ("Kestrel:Endpoints:Http:Url", "http://*:5081"), ("Kestrel:Endpoints:Http:Protocols", "Http1AndHttp2")), Has.Count.EqualTo(1), "gRPC over it");
        Assert.That(Find(health, ("Kestrel:Endpoints:Http:Url", "http://*:5081")), Has.Count.EqualTo(1), "Kestrel's default has HTTP/2");
    }

    [Test]
    public void FindErrors_AnEndpointThatTheUserAdds_IsLookedAtToo() =>
        Assert.That(Find(new SecurityOptions(), Grpc("http://127.0.0.1:5080"), ("Kestrel:Endpoints:More:Url", "http://*:1")).Single(), Does.StartWith("Kestrel:Endpoints:More:Url"));

    [TestCase("urls", "http://127.0.0.1:1;http://*:2")]
    [TestCase("http_ports", "8080")]
    [TestCase("https_ports", "8443")]
    public void FindErrors_TheHostsAddresses_CountWhereKestrelTakesThem(string setting, string value)
    {
        Assert.That(Find(new SecurityOptions(), (setting, value)), Has.Count.EqualTo(1));
        Assert.That(Find(new SecurityOptions(), (setting, value), Grpc("http://127.0.0.1:5080")), Is.Empty, "endpoints come first");
        Assert.That(Find(new SecurityOptions(), (setting, value), Grpc("http://127.0.0.1:5080"), ("preferHostingUrls", "true")), Has.Count.EqualTo(1));
    }

    private static (string, string) Protocols(string protocols) => ("Kestrel:Endpoints:Grpc:Protocols", protocols);

    private static (string, string) Grpc(string url) => ("Kestrel:Endpoints:Grpc:Url", url);

    private static IReadOnlyList<string> Find(SecurityOptions security, params (string Key, string Value)[] settings)
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(settings.Select(setting => KeyValuePair.Create(setting.Key, (string?)setting.Value))).Build();
        return new EndpointCheck(configuration, Options.Create(security)).FindErrors();
    }
}
