using System.Net;
using CacheService.Security;
using CacheService.Telemetry;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace CacheService.Tests.Telemetry;

/// <summary>An endpoint that is open for /health tells other machines no metrics by that.</summary>
internal sealed class ScrapeGuardTests
{
    private static readonly ApiKeyOptions Key = new() { Name = "prometheus" };

    [TestCase("127.0.0.1", false, ExpectedResult = 200)]
    [TestCase("::1", false, ExpectedResult = 200)]
    [TestCase("::ffff:127.0.0.1", false, ExpectedResult = 200)]
    [TestCase("192.0.2.7", false, ExpectedResult = 403)]
    [TestCase("192.0.2.7", true, ExpectedResult = 403)]
    public Task<int> Scrape_WhereNothingAsksWhoCalls_IsForThisMachine(string from, bool isHttps) => AskAsync(new SecurityOptions(), from, isHttps);

    [Test]
    public async Task Scrape_WhereEverybodyMayCall_IsForEverybody() => Assert.That(await AskAsync(new SecurityOptions { AllowAnonymousBeyondLoopback = true }, "192.0.2.7", isHttps: false), Is.EqualTo(200));

    [TestCase(true, false, ExpectedResult = 200)]
    [TestCase(false, false, ExpectedResult = 403)]
    [TestCase(false, true, ExpectedResult = 200)]
    public Task<int> Scrape_WithAKey_MustNotCrossTheNetworkInTheClear(bool isHttps, bool isAllowed) =>
        AskAsync(new SecurityOptions { ApiKeys = [Key], AllowPlaintextKeysBeyondLoopback = isAllowed }, "192.0.2.7", isHttps);

    private static async Task<int> AskAsync(SecurityOptions options, string from, bool isHttps)
    {
        await using var services = new ServiceCollection().AddLogging().BuildServiceProvider();
        var call = new DefaultHttpContext { RequestServices = services };
        call.Connection.RemoteIpAddress = IPAddress.Parse(from);
        call.Request.IsHttps = isHttps;
        await new ScrapeGuard(_ => Task.CompletedTask, Options.Create(options)).InvokeAsync(call);
        return call.Response.StatusCode;
    }
}
