using CacheService.Telemetry;
using Microsoft.Extensions.Configuration;

namespace CacheService.Tests.Telemetry;

/// <summary>Where metrics and traces are to be sent is an address, or said to be none.</summary>
internal sealed class OtlpEndpointTests
{
    [TestCase(null)]
    [TestCase("")]
    [TestCase("http://collector:4317")]
    [TestCase("https://collector:4317/")]
    public void Endpoint_ThatIsOneOrNone_IsGood(string? address) => Assert.That(Check(address).FindErrors(), Is.Empty);

    [TestCase("collector:4317")]
    [TestCase("/collector")]
    [TestCase("ftp://collector")]
    public void Endpoint_ThatIsNoAddress_IsSaidToBeNone(string address) =>
        Assert.That(Check(address).FindErrors(), Is.EqualTo(new[] { "OTEL_EXPORTER_OTLP_ENDPOINT is no address; write http://HOST:4317, or https:// where the receiver has TLS" }));

    private static OtlpEndpoint Check(string? address) => new(new ConfigurationBuilder().AddInMemoryCollection([new(OtlpEndpoint.Variable, address)]).Build());
}
