using CacheService.IntegrationTests.Infrastructure;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Telemetry;

/// <summary>The board and the alerts ask for what there is: a real Prometheus scrapes a service that is used, and every query returns something.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class BoardTests
{
    [Test]
    public async Task Queries_OfEveryPanel_ReturnASeries()
    {
        Prometheus.Require("prometheus");
        await using var database = await TestDatabase.CreateAsync();
        await database.ApplySchemaAsync();
        await database.AddMessagesAsync(3);
        await database.ExecuteAsync("insert into twjobs.job (name, schedule) values ('roll-up', '* * * * * *')");
        // An audit is refused while the counts are STALE, which a machine that stalls makes them.
        await using var service = await ScrapedService.StartAsync(database.ConnectionString, "--Jobs:Enabled=true", "--Feed:StaleAfter=00:01:00");
        await using var prometheus = await Prometheus.RequireAsync(service.HttpAddress);
        var queries = Deployed.BoardQueries;
        Assert.That(queries, Has.Count.GreaterThan(25));

        using var watch = service.Client.WatchCounts(new WatchCountsRequest { All = true });
        var waiting = queries.ToList();
        try
        {
            await Wait.UntilAsync(
                async () =>
                {
                    await database.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'rt')");
                    await service.Client.GetCountsAsync(new GetCountsRequest { MessageId = 1, Read = new ReadOptions { Strong = true } });
                    await service.Client.AuditNowAsync(new AuditNowRequest());
                    await service.Client.ReloadNowAsync(new ReloadNowRequest());
                    var answered = new List<(string, string)>();
                    foreach (var query in waiting)
                    {
                        if ((await prometheus.QueryAsync(query.Query)).Count > 0)
                        {
                            answered.Add(query);
                        }
                    }

                    waiting.RemoveAll(answered.Contains);
                    return waiting.Count == 0;
                },
                Prometheus.Patience,
                "every panel has something to show");
        }
        catch (TimeoutException)
        {
            Assert.That(waiting, Is.Empty);
        }
    }

    [Test]
    public async Task Database_ThatIsStopped_FiresWhatIsToFire()
    {
        Prometheus.Require("prometheus");
        await using var server = await PrivateServer.StartAsync();
        await using var service = await ScrapedService.StartAsync(server.ConnectionString);
        await using var prometheus = await Prometheus.RequireAsync(service.HttpAddress);
        var rules = Deployed.AlertRules.ToDictionary(rule => rule.Name, rule => rule.Expression);
        await Wait.UntilAsync(async () => (await prometheus.QueryAsync(rules["TweetCountsNotLive"])).Count == 0, Prometheus.Patience, "the counts are LIVE");

        await server.StopAsync(immediate: false);

        // Their expressions; how long each has to hold, promtool proves.
        await Wait.UntilAsync(async () => (await prometheus.QueryAsync(rules["TweetCountsNotLive"])).Count == 1, Prometheus.Patience, "the counts are not LIVE");
        await Wait.UntilAsync(async () => (await prometheus.QueryAsync(rules["TweetCountsStale"])).Count == 1, Prometheus.Patience, "the counts grow old");
        await Wait.UntilAsync(async () => (await prometheus.QueryAsync("ALERTS{alertname=\"TweetCountsNotLive\"}")).Count == 1, Prometheus.Patience, "the alert is pending");
    }
}
