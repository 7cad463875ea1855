using System.Net;
using System.Net.Http.Headers;
using CacheService.IntegrationTests.Infrastructure;
using CacheService.IntegrationTests.Security;

namespace CacheService.IntegrationTests.Telemetry;

/// <summary>Who may scrape: everybody on this machine; where callers have to say who they are, those with the right Read.</summary>
internal sealed class ScrapeAccessTests
{
    private static readonly HttpClient Http = new();

    [Test]
    public async Task Scrape_WhereCallersSayWhoTheyAre_NeedsTheRightRead()
    {
        var (reader, watcher) = (new TestKey(0, "prometheus", "Read"), new TestKey(1, "watcher", "Watch"));
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString, [.. reader.Settings, .. watcher.Settings]);
        Assert.That(await ScrapeAsync(service, null), Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(await ScrapeAsync(service, "nobody's"), Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(await ScrapeAsync(service, watcher.Key), Is.EqualTo(HttpStatusCode.Forbidden));
        Assert.That(await ScrapeAsync(service, reader.Key), Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task Scrape_WhereItIsSwitchedOff_IsNotServed()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString, "--Metrics:Prometheus=false");
        Assert.That(await ScrapeAsync(service, null), Is.EqualTo(HttpStatusCode.NotFound));
    }

    [Test]
    public async Task Scrape_OfEachCall_HasThem()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await ScrapedService.StartAsync(database.ConnectionString, "--Metrics:EachCall=true");
        await service.Client.GetStatusAsync(new TweetCounts.V1.GetStatusRequest());
        await Wait.UntilAsync(
            async () => (await service.ScrapeAsync()).Sum("http_server_request_duration_seconds_count", ("http_route", "/tweetcounts.v1.TweetCountsService/GetStatus")) == 1, RunningService.Patience, "the call is measured");
    }

    private static async Task<HttpStatusCode> ScrapeAsync(RunningService service, string? key)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(service.HttpAddress, "/metrics"));
        request.Headers.Authorization = key is null ? null : new AuthenticationHeaderValue("Bearer", key);
        using var response = await Http.SendAsync(request);
        return response.StatusCode;
    }
}
