using CacheService.IntegrationTests.Infrastructure;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Feed;

/// <summary>Registering, the lease, and what makes the service load afresh.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class RegistrationTests
{
    [Test]
    public async Task Start_WithTheYoungestTransactionUnrecorded_WaitsForItAndSaysSo()
    {
        await using var database = await TestDatabase.CreateAsync();
        await database.ApplySchemaAsync();
        await database.AddMessagesAsync(1);

        // It has written before the lease is set, and no later transaction has ended: pg_snapshot_xmax() does not lie above it.
        await using var earlier = await database.OpenAsync();
        await earlier.ExecuteAsync("begin; insert into tweet.activity (messageid, action) values (1, 'rt')");
        Assert.That(await earlier.QueryAsync<long>("select count(*) from twcache.change"), Is.Zero, "unrecorded");

        await using var service = await RunningService.StartWithoutWaitingAsync(database.ConnectionString);
        var pid = await earlier.QueryAsync<int>("select pg_backend_pid()");
        await Wait.UntilAsync(() => service.Status.Condition.Detail.Contains($"pid {pid}"), RunningService.Patience, "the service says for whom it waits");
        var status = await service.Client.GetStatusAsync(new GetStatusRequest());
        Assert.That(status.State, Is.EqualTo(FeedState.Syncing));
        await earlier.ExecuteAsync("commit");

        await service.WaitForLiveAsync();
        await service.AssertEqualsViewAsync(database);
    }

    [Test]
    public async Task Start_WithAnOldSnapshotThatWritesLater_CountsIt()
    {
        await using var database = await TestDatabase.CreateAsync();
        await database.ApplySchemaAsync();
        await database.AddMessagesAsync(1);
        await using var old = await database.OpenAsync();
        await old.ExecuteAsync("begin isolation level repeatable read");
        await old.QueryAsync<long>("select count(*) from tweet.message");

        await using var service = await RunningService.StartAsync(database.ConnectionString);
        await old.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'rt'); commit");

        await service.AssertEqualsViewAsync(database);
    }

    [Test]
    public async Task Start_NextToALoadedCache_DoesNotWait()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var first = await RunningService.StartAsync(database.ConnectionString);
        await database.AddMessagesAsync(1);
        await using var open = await database.OpenAsync();
        await open.ExecuteAsync("begin; insert into tweet.activity (messageid, action) values (1, 'rt')");

        await using var second = await RunningService.StartAsync(database.ConnectionString);
        await open.ExecuteAsync("commit");

        await second.AssertEqualsViewAsync(database);
        await first.AssertEqualsViewAsync(database);
    }

    [Test]
    public async Task Writers_WithoutACache_RecordNothing()
    {
        await using var database = await TestDatabase.CreateAsync();
        await database.ApplySchemaAsync();

        await database.AddMessagesAsync(3);
        await database.ExecuteAsync("insert into tweet.activity (messageid, action) select messageid, 'rt' from tweet.message");
        await database.ExecuteAsync("update tweet.activity set action = 'fav'; update tweet.message set messageid = 9 where messageid = 3");
        await database.ExecuteAsync("delete from tweet.message where messageid = 1; truncate tweet.activity");

        Assert.That(await database.QueryAsync<long>("select count(*) from twcache.change"), Is.Zero);
    }

    [Test]
    public async Task Writers_AfterTheLeaseOfAStoppedCache_RecordNothing()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using (await RunningService.StartAsync(database.ConnectionString, "--Feed:LeaseDuration=00:00:03", "--Rollup:Interval=0"))
        {
            await database.AddMessagesAsync(1);
        }

        await Wait.UntilAsync(
            () => database.QueryAsync<bool>("select last_value < extract(epoch from clock_timestamp()) from twcache.lease"), RunningService.Patience, "the lease has lapsed");
        var before = await database.QueryAsync<long>("select count(*) from twcache.change");
        await database.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'rt')");

        Assert.That(await database.QueryAsync<long>("select count(*) from twcache.change"), Is.EqualTo(before));
    }

    [TestCase("update twcache.change_identity set id = gen_random_uuid()", "new identity", TestName = "Reload_AfterAChangedIdentity_IsExact")]
    [TestCase("truncate twcache.change_identity, twcache.consumer", "has crashed", TestName = "Reload_AfterACrashEmptiedTheBooks_IsExact")]
    [TestCase("delete from twcache.consumer", "no consumer", TestName = "Reload_AfterALostConsumerRow_IsExact")]
    [TestCase("truncate tweet.activity", "truncated", TestName = "Reload_AfterTruncate_IsExact")]
    [TestCase("truncate tweet.message cascade", "truncated", TestName = "Reload_AfterCascadedTruncate_IsExact")]
    public async Task Reload_AfterSomethingThatTheLogCannotTell_IsExact(string sql, string reason)
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString);
        await database.AddMessagesAsync(3);
        await database.ExecuteAsync("insert into tweet.activity (messageid, action) select messageid, 'rt' from tweet.message");
        await service.AssertEqualsViewAsync(database);
        var epoch = (await service.Client.GetStatusAsync(new GetStatusRequest())).Epoch;

        await database.ExecuteAsync(sql);
        await database.ExecuteAsync("insert into tweet.activity (messageid, action) select messageid, 'fav' from tweet.message");
        await Wait.UntilAsync(() => service.Log.Entries.Any(entry => entry.EventName == "Reloading" && entry.Message.Contains(reason)), RunningService.Patience, "it loads afresh");
        await service.WaitForLiveAsync();

        await service.AssertEqualsViewAsync(database);
        Assert.That((await service.Client.GetStatusAsync(new GetStatusRequest())).Epoch, Is.Not.EqualTo(epoch));
    }

    [Test]
    public async Task Reload_AfterARestoredLogWithTransactionsToCome_CountsNothingTwice()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString);
        await database.AddMessagesAsync(3);
        await service.AssertEqualsViewAsync(database);

        await database.ExecuteAsync("insert into twcache.change (xid, messageid, rts) values ('4611686018427387904', 1, 100)");
        await Wait.UntilAsync(() => service.Log.Entries.Any(entry => entry.Message.Contains("as after a restore")), RunningService.Patience, "it loads afresh");
        await service.WaitForLiveAsync();
        await database.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'rt')");

        await service.AssertEqualsViewAsync(database);
        Assert.That(service.Log.Count("Reloading"), Is.EqualTo(1));
    }

    [Test]
    public async Task Lapse_FoundOutByWhoIsRolledBack_IsRememberedAllTheSame()
    {
        await using var database = await TestDatabase.CreateAsync();
        await database.ApplySchemaAsync();
        await using var connection = await database.OpenAsync();
        await connection.ExecuteAsync("select twcache.register('first', 'one', 1); select twcache.renew('first', pg_current_snapshot(), 1)");
        await Wait.UntilAsync(
            () => connection.QueryAsync<bool>("select last_value < extract(epoch from clock_timestamp()) from twcache.lease"), RunningService.Patience, "the lease has lapsed");

        await connection.ExecuteAsync("begin; select twcache.renew('first', pg_current_snapshot(), 30); rollback");

        Assert.That(await connection.QueryAsync<bool>("select last_value > extract(epoch from clock_timestamp()) from twcache.lease"), "the lease stays extended");
        Assert.That(await connection.QueryAsync<bool>("select recorded from twcache.register('second', 'two', 30)"), Is.False);
        Assert.That(await connection.QueryAsync<bool>("select twcache.renew('first', pg_current_snapshot(), 30) is null"), "the first may not go on");
    }

    [Test]
    public async Task Start_OnADatabaseOfRepeatableReaders_IsExact()
    {
        await using var database = await TestDatabase.CreateAsync();
        await database.ExecuteAsync($"alter database {database.Name} set default_transaction_isolation = 'serializable'");
        await using var service = await RunningService.StartAsync(database.ConnectionString);
        await database.AddMessagesAsync(3);
        for (var n = 0; n < 20; n++)
        {
            await database.ExecuteAsync("insert into tweet.activity (messageid, action) select messageid, 'rt' from tweet.message");
            await service.AssertEqualsViewAsync(database);
        }
    }

    [Test]
    public async Task Reload_AfterALapsedLease_CountsWhatWasNotRecorded()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString, "--Feed:LeaseDuration=00:00:03", "--Rollup:Interval=0");
        await database.AddMessagesAsync(1);
        await service.AssertEqualsViewAsync(database);

        await using (var writer = await database.OpenAsync())
        {
            await using var gate = await new TestDatabaseGate(database).CloseAsync();
            await gate.TerminateServiceAsync();
            await Wait.UntilAsync(
                () => writer.QueryAsync<bool>("select last_value < extract(epoch from clock_timestamp()) from twcache.lease"), RunningService.Patience, "the lease has lapsed");
            var recorded = await writer.QueryAsync<long>("select count(*) from twcache.change");
            await writer.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'rt')");
            Assert.That(await writer.QueryAsync<long>("select count(*) from twcache.change"), Is.EqualTo(recorded), "not recorded");
        }

        await Wait.UntilAsync(() => service.Log.Has("Reloading"), RunningService.Patience, "it loads afresh");
        await service.WaitForLiveAsync();
        await service.AssertEqualsViewAsync(database);
    }

    [Test]
    public async Task ChangeLog_WhileACacheRuns_IsTrimmed()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString, "--Feed:LeaseDuration=00:00:03", "--Rollup:Interval=0");
        await database.AddMessagesAsync(100);
        await database.ExecuteAsync("insert into tweet.activity (messageid, action) select messageid, 'rt' from tweet.message");

        await Wait.UntilAsync(async () => await database.QueryAsync<long>("select count(*) from twcache.change") == 0, RunningService.Patience, "the change log is empty");
        await service.AssertEqualsViewAsync(database);
    }
}
