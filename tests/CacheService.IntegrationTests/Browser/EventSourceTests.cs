using CacheService.IntegrationTests.Api.Http;
using CacheService.IntegrationTests.Faults;
using CacheService.IntegrationTests.Infrastructure;

namespace CacheService.IntegrationTests.Browser;

/// <summary>A browser's own EventSource, on a page of another origin.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class EventSourceTests
{
    private const int Messages = 2_000;
    private const int Cuts = 20;
    private const int WritesPerCut = 10;

    [Test]
    public async Task EventSource_CutOffAgainAndAgainWhileOthersWrite_EndsWithTheViewAndIsToldNothingTwice()
    {
        await using var database = await TestDatabase.CreateAsync();
        await database.ApplySchemaAsync();
        await database.AddMessagesAsync(Messages);
        await using var page = await EventPage.StartAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString, $"--Security:CorsOrigins={page.Origin}");
        await using var network = new SwallowingProxy(service.HttpAddress.Port);
        await using var shown = await page.OpenAsync(new Uri($"http://127.0.0.1:{network.Port}/v1/counts/watch?all=true"));
        await Wait.UntilAsync(async () => (await shown.StateAsync()).Counts.Count == Messages, TimeSpan.FromMinutes(1), "the page has the counts");

        await using var connection = await database.OpenAsync();
        var written = 0;
        for (var cut = 1; cut <= Cuts; cut++)
        {
            // It is cut off at the next byte, and finds nobody until the writes of this round are over.
            network.Fault = NetworkFault.Refuses;
            for (var n = 0; n < WritesPerCut; n++)
            {
                await connection.ExecuteAsync($"insert into tweet.activity (messageid, action) values ({(written++ * 131 % Messages) + 1}, '{(n % 2 == 0 ? "rt" : "fav")}')");
            }

            await Wait.UntilAsync(() => service.Hub.Count == 0, RunningService.Patience, "the stream is cut off");
            network.Fault = NetworkFault.None;
            var opened = cut + 1;
            await Wait.UntilAsync(async () => (await shown.StateAsync()).Opened >= opened, RunningService.Patience, $"the page comes back by itself, for the {cut}. time");
        }

        await database.ExecuteAsync("delete from tweet.message where messageid = 7");
        var truth = (await database.ReadViewAsync()).ToDictionary(entry => entry.Key, entry => new[] { entry.Value.Retweets, entry.Value.Likes });
        await Wait.UntilAsync(async () => Equal((await shown.StateAsync()).Counts, truth), RunningService.Patience, "the page knows what the view says");
        var last = await shown.StateAsync();
        await TestContext.Progress.WriteLineAsync($"{last.Opened} streams, {last.Resets} reset, {last.Events} events, {last.Told} counts told, {written} writes");
        Assert.That(last.Resets, Is.EqualTo(1), "only the first stream began anew");
        Assert.That(last.Told, Is.LessThanOrEqualTo(Messages + written), "the state is told once, and then what changes");
    }

    [Test]
    public async Task Events_BehindAProxyThatBuffers_ComeAtOnce()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString, "--Feed:StaleAfter=00:01:00");
        await database.AddMessagesAsync(2);
        await service.AssertEqualsViewAsync(database);
        await using var nginx = await Nginx.RequireAsync(service.HttpAddress);

        await using var events = await EventReader.OpenAsync(new Uri(nginx.Address, "v1/counts/watch?ids=1"));
        Assert.That((await events.NextAsync()).Synced);
        for (var retweets = 1; retweets <= 5; retweets++)
        {
            await database.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'rt')");
            Assert.That((await events.NextAsync()).Counts.Single().Retweets, Is.EqualTo(retweets));
        }

        var reached = events.LastEventId;
        await events.DisposeAsync();
        await Wait.UntilAsync(() => service.Hub.Count == 0, RunningService.Patience, "the proxy tells that its client has gone");
        await database.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'fav')");
        await service.AssertEqualsViewAsync(database);
        await using var resumed = await EventReader.OpenAsync(new Uri(nginx.Address, "v1/counts/watch?ids=1"), reached);
        var first = await resumed.NextAsync();
        Assert.That((first.Reset, first.Counts.Single().Likes), Is.EqualTo((false, 1)));
    }

    private static bool Equal(Dictionary<long, long[]> one, Dictionary<long, long[]> other) =>
        one.Count == other.Count && one.All(entry => other.TryGetValue(entry.Key, out var counts) && counts.SequenceEqual(entry.Value));
}
