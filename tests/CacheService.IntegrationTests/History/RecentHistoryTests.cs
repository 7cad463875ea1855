using CacheService.IntegrationTests.Api.Http;
using CacheService.IntegrationTests.Infrastructure;
using Google.Protobuf.WellKnownTypes;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.History;

/// <summary>What a service tells of its last hour.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class RecentHistoryTests
{
    [Test]
    public async Task History_OfAServiceThatWorks_TellsWhatItDid()
    {
        await using var server = await PrivateServer.StartAsync();
        await using var service = await RunningService.StartAsync(server.ConnectionString);
        await server.AddMessagesAsync(10);
        await service.AssertEqualsViewAsync(server);
        using var watch = service.Client.WatchCounts(new WatchCountsRequest { All = true });
        HistorySample? busy = null;
        await Wait.UntilAsync(
            async () =>
            {
                await server.ExecuteAsync("insert into tweet.activity (messageid, action) values (3, 'rt')");
                await service.Client.GetCountsAsync(new GetCountsRequest { MessageId = 3 });
                // The counters are the process's: other services of it may count too.
                busy = (await HistoryAsync(service)).FirstOrDefault(sample => sample is { Reads: > 0, Changes: > 0, Drains: > 0, Watchers: 1, State: FeedState.Live });
                return busy is not null;
            },
            RunningService.Patience, "a sample tells of reads, changes, drains and the watcher");
        Assert.That(busy!.Length.ToTimeSpan(), Is.GreaterThanOrEqualTo(TimeSpan.FromSeconds(5)));
        Assert.That(busy.At.ToDateTimeOffset(), Is.EqualTo(DateTimeOffset.UtcNow).Within(TimeSpan.FromMinutes(1)));
        Assert.That(busy.Age.ToTimeSpan(), Is.GreaterThan(TimeSpan.Zero));

        await server.StopAsync(immediate: true);
        await Wait.UntilAsync(async () => (await HistoryAsync(service)).Any(sample => sample.State == FeedState.Stale && sample.Age.ToTimeSpan() > TimeSpan.FromSeconds(1)), RunningService.Patience, "a sample is STALE, and of some age");
    }

    [Test]
    public async Task History_OfAShortSpan_IsItsEnd()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString);
        await Wait.UntilAsync(async () => (await HistoryAsync(service)).Count == 1, RunningService.Patience, "there is a sample");
        var end = new GetHistoryRequest { Span = Duration.FromTimeSpan(TimeSpan.FromMilliseconds(1)) };
        await Wait.UntilAsync(async () => (await service.Client.GetHistoryAsync(end)).Samples.Count == 0, RunningService.Patience, "the sample is older than that");
        Assert.That((await service.GetAsync("v1/history?span=3600s")).Message<GetHistoryResponse>().Samples, Is.Not.Empty);
        Assert.That((await service.GetAsync("v1/history?span=3601s")).Detail, Is.EqualTo("span is not a duration from 0:00:00.001 to 1:00:00"));
    }

    private static async Task<IReadOnlyList<HistorySample>> HistoryAsync(RunningService service) => (await service.Client.GetHistoryAsync(new GetHistoryRequest())).Samples;
}
