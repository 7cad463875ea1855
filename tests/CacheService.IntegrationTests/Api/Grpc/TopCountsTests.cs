using CacheService.IntegrationTests.Infrastructure;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Api.Grpc;

internal sealed class TopCountsTests
{
    [Test]
    public async Task ListTopCounts_AfterALoad_IsNotTheListOfBefore()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString, "--Limits:TopCountsExpiration=00:01:00");
        await database.AddMessagesAsync(3);
        await database.ExecuteAsync("insert into tweet.activity (messageid, action) values (2, 'rt')");
        await service.AssertEqualsViewAsync(database);
        var before = await service.Client.ListTopCountsAsync(new ListTopCountsRequest { Limit = 1 });
        Assert.That((before.Counts[0].MessageId, before.Counts[0].Retweets), Is.EqualTo((2L, 1L)));

        await database.ExecuteAsync("truncate tweet.activity");
        await service.Client.GetCountsAsync(new GetCountsRequest { MessageId = 1, Read = new ReadOptions { Strong = true } });
        var after = await service.Client.ListTopCountsAsync(new ListTopCountsRequest { Limit = 1 });
        Assert.That((after.Counts[0].MessageId, after.Counts[0].Retweets), Is.EqualTo((1L, 0L)));
        Assert.That(after.Freshness.Epoch, Is.Not.EqualTo(before.Freshness.Epoch));
    }
}
