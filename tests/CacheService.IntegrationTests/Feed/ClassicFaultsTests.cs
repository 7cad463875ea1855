using CacheService.IntegrationTests.Infrastructure;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Feed;

/// <summary>The four ways in which a cache fed by notifications is known to miscount.</summary>
internal sealed class ClassicFaultsTests
{
    [Test]
    public async Task Start_WithACommitBetweenListenAndLoad_CountsItOnce()
    {
        await using var database = await TestDatabase.CreateAsync();
        await database.ApplySchemaAsync();
        await database.AddMessagesAsync(1);

        // An open transaction holds the service between LISTEN and the load.
        await using var earlier = await database.OpenAsync();
        await earlier.ExecuteAsync("begin; insert into tweet.activity (messageid, action) values (1, 'fav')");
        await using var service = await RunningService.StartWithoutWaitingAsync(database.ConnectionString);
        await Wait.UntilAsync(() => service.Status.Condition.Detail.Contains("waiting for an earlier transaction"), RunningService.Patience, "the service waits");
        await database.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'rt')");
        Assert.That(await database.QueryAsync<long>("select count(*) from twcache.change"), Is.EqualTo(1), "recorded, and to be in the load as well");
        await earlier.ExecuteAsync("commit");

        await service.WaitForLiveAsync();
        await service.AssertEqualsViewAsync(database);
        var counts = (await service.Client.GetCountsAsync(new GetCountsRequest { MessageId = 1 })).Counts;
        Assert.That((counts.Retweets, counts.Likes), Is.EqualTo((1L, 1L)));
    }

    [Test]
    public async Task TwoEqualInserts_InOneTransaction_BothCount()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString);
        await database.AddMessagesAsync(1);

        await database.ExecuteAsync(
            "insert into tweet.activity (messageid, action) values (1, 'rt'); insert into tweet.activity (messageid, action) values (1, 'rt')");

        var response = await service.Client.GetCountsAsync(new GetCountsRequest { MessageId = 1, Read = new ReadOptions { Strong = true } });
        Assert.That(response.Counts.Retweets, Is.EqualTo(2));
    }

    [Test]
    public async Task Changes_WhileTheConnectionIsDown_AreThereAfterReconnectWithoutALoad()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString);
        await database.AddMessagesAsync(3);
        await service.AssertEqualsViewAsync(database);
        var epoch = (await service.Client.GetStatusAsync(new GetStatusRequest())).Epoch;

        // No new connection can be made for as long as these changes take.
        await using (var writer = await database.OpenAsync())
        {
            await using var admin = await new TestDatabaseGate(database).CloseAsync();
            await admin.TerminateServiceAsync();
            await Wait.UntilAsync(() => service.Status.Condition.State == CacheService.Feed.FeedState.Stale, RunningService.Patience, "the service is STALE");
            await writer.ExecuteAsync("insert into tweet.activity (messageid, action) select messageid, 'rt' from tweet.message, generate_series(1, 5)");
            await writer.ExecuteAsync("delete from tweet.message where messageid = 2");

            var stale = await service.Client.GetCountsAsync(new GetCountsRequest { MessageId = 2 });
            Assert.That(stale.Freshness.State, Is.EqualTo(FeedState.Stale), "the old counts are served, and marked");
        }

        await service.WaitForLiveAsync();
        await service.AssertEqualsViewAsync(database);
        Assert.That((await service.Client.GetStatusAsync(new GetStatusRequest())).Epoch, Is.EqualTo(epoch), "caught up from the change log");
    }

    [Test]
    public async Task Restart_ChangesNoTotal()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using (var first = await RunningService.StartAsync(database.ConnectionString))
        {
            await database.AddMessagesAsync(3);
            await database.ExecuteAsync("insert into tweet.activity (messageid, action) select messageid, 'rt' from tweet.message, generate_series(1, 5)");
            await first.AssertEqualsViewAsync(database);
        }

        await database.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'fav')");

        await using var second = await RunningService.StartAsync(database.ConnectionString);
        await second.AssertEqualsViewAsync(database);
    }
}
