using CacheService.IntegrationTests.Infrastructure;
using FeedState = CacheService.Feed.FeedState;

namespace CacheService.IntegrationTests.Feed;

[Parallelizable(ParallelScope.Self)]
internal sealed class ReconnectTests
{
    [TestCase("listener", true)]
    [TestCase("reader", true)]
    [TestCase("pool", false)]
    [TestCase("lease", false)]
    public async Task TerminatedBackend_OfEachConnection_IsReplacedAndNothingIsLost(string purpose, bool isFollowing)
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString);
        await database.AddMessagesAsync(3);

        for (var round = 0; round < 5; round++)
        {
            await new TestDatabaseGate(database).TerminateServiceAsync(purpose);
            await database.ExecuteAsync("insert into tweet.activity (messageid, action) select messageid, 'rt' from tweet.message");
            var broken = isFollowing ? round + 1 : 0;
            await Wait.UntilAsync(() => service.Log.Count("SessionBroken") == broken, RunningService.Patience, "the service has noticed");
            await Wait.UntilAsync(() => service.Status is { Condition.State: FeedState.Live, NotificationsWorking: true }, RunningService.Patience, "the service is LIVE and hears");
            await service.AssertEqualsViewAsync(database);
        }

        Assert.That(service.Log.Has("Reloading"), Is.False, "the change log had everything");
    }

    [Test]
    public async Task Start_WithTheDatabaseAway_WaitsAndSaysSo()
    {
        await using var database = await TestDatabase.CreateAsync();
        RunningService service;
        await using (await new TestDatabaseGate(database).CloseAsync())
        {
            service = await RunningService.StartWithoutWaitingAsync(database.ConnectionString);
            await Wait.UntilAsync(() => service.Log.Count("SessionBroken") >= 3, RunningService.Patience, "it has tried three times");
            Assert.That(service.Status.Condition.State, Is.EqualTo(FeedState.Starting));
            Assert.That(service.Status.Condition.Detail, Does.Contain("not currently accepting connections"));
        }

        await using (service)
        {
            await service.WaitForLiveAsync();
        }
    }
}
