using System.Diagnostics;
using CacheService.Client;
using CacheService.IntegrationTests.Infrastructure;
using CacheService.IntegrationTests.Security;
using CacheService.IntegrationTests.Tool;
using Grpc.Core;
using Npgsql;
using TweetCounts.V1;
using FeedState = TweetCounts.V1.FeedState;

namespace CacheService.IntegrationTests.Reloading;

/// <summary>Loads on request: what they mend, who shares them, and what becomes of those that cannot be.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class ReloadNowTests
{
    private TestDatabase _database = null!;

    [SetUp]
    public async Task CreateDatabase() => _database = await TestDatabase.CreateAsync();

    [TearDown]
    public async Task DropDatabase() => await _database.DisposeAsync();

    [Test]
    public async Task Reload_WhereCountsAreWrong_MendsThem()
    {
        await using var service = await StartAsync("--Feed:StaleAfter=00:01:00");
        for (var n = 1; n <= 5; n++)
        {
            var before = await service.Client.GetStatusAsync(new GetStatusRequest());
            await _database.ExecuteAsync("insert into tweet.activity (messageid, action) values (3, 'rt'); delete from twcache.change where xid = pg_current_xact_id()");
            Assert.That(await RetweetsAsync(service), Is.EqualTo(n - 1), "the cache is wrong");

            var reload = await service.Client.ReloadNowAsync(new ReloadNowRequest());

            // The cache as it is: no read makes it wait for anything.
            Assert.That((await service.Client.GetCountsAsync(new GetCountsRequest { MessageId = 3 })).Counts.Retweets, Is.EqualTo(n));
            Assert.That((reload.Messages, reload.Freshness.State), Is.EqualTo((10L, FeedState.Live)));
            Assert.That(reload.Duration.ToTimeSpan(), Is.GreaterThan(TimeSpan.Zero));
            Assert.That(reload.Freshness.Epoch, Is.Not.EqualTo(before.Epoch).And.EqualTo((await service.Client.GetStatusAsync(new GetStatusRequest())).Epoch));
            await service.AssertEqualsViewAsync(_database);
        }

        Assert.That(service.Log.Count("ReloadAsked"), Is.EqualTo(5));
        Assert.That(service.Log.Entries.First(entry => entry.EventName == "ReloadAsked").Message, Does.Contain("because ipv4:127.0.0.1:"));
        Assert.That(service.Log.Count("Reloaded"), Is.EqualTo(5));
    }

    [Test]
    public async Task Reload_WithSeveralCaches_LoadsAllOfThem()
    {
        await using var one = await StartAsync();
        await using var other = await RunningService.StartAsync(_database.ConnectionString, "--Audit:Interval=0");
        await other.AssertEqualsViewAsync(_database);
        await _database.ExecuteAsync("insert into tweet.activity (messageid, action) values (3, 'rt'); delete from twcache.change where xid = pg_current_xact_id()");
        Assert.That((await RetweetsAsync(one), await RetweetsAsync(other)), Is.EqualTo((0L, 0L)), "both are wrong");

        await one.Client.ReloadNowAsync(new ReloadNowRequest());

        Assert.That(await RetweetsAsync(one), Is.EqualTo(1));
        await Wait.UntilAsync(async () => await RetweetsAsync(other) == 1, RunningService.Patience, "the other has loaded too");
        await other.AssertEqualsViewAsync(_database);
    }

    /// <summary>A cache starts from what was written back, and would start from a mistake as well.</summary>
    [Test]
    public async Task Reload_WhereWhatWasWrittenBackIsWrong_ReadsTheTables()
    {
        await using var service = await StartAsync("--Rollup:Interval=00:00:00.100");
        await Wait.UntilAsync(() => _database.QueryAsync<bool>("select exists (select from twcache.rollup where counted)"), RunningService.Patience, "the counts are written back");
        await Wait.UntilAsync(() => _database.QueryAsync<bool>("select count(*) = 10 from twcache.counters"), RunningService.Patience, "and those of all messages");
        // Past what notices it.
        await _database.ExecuteAsync(
            "alter table twcache.counters disable trigger twcache_counters_changed; update twcache.counters set rts = rts + 7; alter table twcache.counters enable always trigger twcache_counters_changed");
        await using var misled = await RunningService.StartAsync(_database.ConnectionString, "--Audit:Interval=0", "--Rollup:Interval=0");
        Assert.That(await RetweetsAsync(misled), Is.EqualTo(7));

        await service.Client.ReloadNowAsync(new ReloadNowRequest());

        await service.AssertEqualsViewAsync(_database);
        await Wait.UntilAsync(async () => await RetweetsAsync(misled) == 0, RunningService.Patience, "the other has loaded from the tables too");
        await Wait.UntilAsync(
            () => _database.QueryAsync<bool>("select exists (select from twcache.rollup where counted) and (select count(*) = 10 and sum(rts) = 0 from twcache.counters)"),
            RunningService.Patience,
            "what is written back is right again");
    }

    [Test]
    public async Task Reload_OfManyAtOnce_IsShared()
    {
        await using var service = await StartAsync();
        var loads = service.Log.Count("CountsLoaded");
        var reloads = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => service.Client.ReloadNowAsync(new ReloadNowRequest()).ResponseAsync));

        Assert.That(reloads.Select(reload => reload.Freshness.Epoch).Distinct().Count(), Is.InRange(1, 5));
        Assert.That(service.Log.Count("CountsLoaded") - loads, Is.InRange(1, 5));
        Assert.That(service.Log.Count("ReloadAsked"), Is.EqualTo(50));
        await service.AssertEqualsViewAsync(_database);
    }

    /// <summary>Whoever has been answered, knows that a load has begun after the question.</summary>
    [Test]
    public async Task Reload_AskedForDuringAnother_IsAnotherOne()
    {
        await using var service = await StartAsync();
        await using var blocker = await BlockAsync();
        var first = service.Client.ReloadNowAsync(new ReloadNowRequest()).ResponseAsync;
        await WaitUntilItWaitsAsync(service);
        var second = service.Client.ReloadNowAsync(new ReloadNowRequest()).ResponseAsync;
        await blocker.ExecuteAsync("commit");

        Assert.That((await second).Freshness.Epoch, Is.Not.EqualTo((await first).Freshness.Epoch));
    }

    [Test]
    public async Task Reload_NotDoneInTime_SaysWhatItWaitsForAndGoesOn()
    {
        await using var service = await StartAsync("--Feed:LoadTimeout=00:00:10");
        var epoch = (await service.Client.GetStatusAsync(new GetStatusRequest())).Epoch;
        await using var blocker = await BlockAsync();

        var error = (await Assert.ThrowsAsync<RpcException>(async () => await service.Client.ReloadNowAsync(new ReloadNowRequest())))!;
        Assert.That(error.StatusCode, Is.EqualTo(StatusCode.Unavailable));
        Assert.That(error.Status.Detail, Does.Contain("were not LIVE again within 10.0 s").And.Contain("The feed is stale: ").And.Contain("It goes on by itself"));

        // What there was is served meanwhile.
        var served = await service.Client.GetCountsAsync(new GetCountsRequest { MessageId = 3 });
        Assert.That((served.Freshness.State, served.Freshness.Epoch), Is.EqualTo((FeedState.Stale, epoch)));

        await blocker.ExecuteAsync("commit");
        await service.WaitForLiveAsync();
        Assert.That((await service.Client.GetStatusAsync(new GetStatusRequest())).Epoch, Is.Not.EqualTo(epoch));
        await service.AssertEqualsViewAsync(_database);
    }

    [Test]
    public async Task Reload_WhileTheDatabaseIsAway_IsUnavailable()
    {
        await using var service = await StartAsync();
        await using (var gate = await new TestDatabaseGate(_database).CloseAsync())
        {
            await gate.TerminateServiceAsync();
            var error = (await Assert.ThrowsAsync<RpcException>(async () => await service.Client.ReloadNowAsync(new ReloadNowRequest())))!;
            Assert.That((error.StatusCode, error.Status.Detail), Is.EqualTo((StatusCode.Unavailable, "the database cannot be asked right now; try again in a moment")));
        }

        await service.WaitForLiveAsync();
        await Wait.UntilAsync(
            async () => (await SecureCalls.StatusAsync(async () => await service.Client.ReloadNowAsync(new ReloadNowRequest()))).StatusCode == StatusCode.OK,
            RunningService.Patience,
            "a reload is done");
    }

    [Test]
    public async Task Stop_WhileAReloadIsAwaited_EndsBothAtOnce()
    {
        await using var service = await StartAsync();
        await using var blocker = await BlockAsync();
        var call = service.Client.ReloadNowAsync(new ReloadNowRequest()).ResponseAsync;
        await WaitUntilItWaitsAsync(service);

        await using var lag = new MachineLag();
        var started = Stopwatch.GetTimestamp();
        await service.StopAsync();
        Assert.That(Stopwatch.GetElapsedTime(started), Is.LessThan(lag.Allow(TimeSpan.FromSeconds(2.5))));
        var error = (await Assert.ThrowsAsync<RpcException>(async () => await call))!;
        Assert.That((error.StatusCode, error.Status.Detail), Is.EqualTo((StatusCode.Unavailable, "the service is stopping")));
    }

    [Test]
    public async Task Reload_ByTheToolAsTheLeastRole_Succeeds()
    {
        await _database.ApplySchemaAsync();
        await using var role = await TestRole.CreateAsync("twcache_reader");
        await using var service = await RunningService.StartAsync(role.ConnectionStringTo(_database), "--Audit:Interval=0");
        await _database.AddMessagesAsync(10);
        await service.AssertEqualsViewAsync(_database);

        var run = await ToolRun.RunAsync("reload", "--address", service.GrpcAddress.ToString());
        Assert.That(run.ExitCode, Is.Zero, run.Error);
        Assert.That(run.Output, Does.StartWith("10 messages loaded afresh in "));
    }

    [Test]
    public async Task Reload_WithAKey_NeedsTheRightAndIsLoggedByItsName()
    {
        var (reader, operatorKey) = (new TestKey(0, "reader", "Read,Watch"), new TestKey(1, "operator", "Read,Admin"));
        await using var service = await RunningService.StartAsync(_database.ConnectionString, [.. reader.Settings, .. operatorKey.Settings]);
        var epoch = service.Services.GetService(typeof(CacheService.Counts.CountsStore)) is CacheService.Counts.CountsStore store ? store.Version!.Epoch : "";

        var refused = (await Assert.ThrowsAsync<RpcException>(async () => await Client(service, reader).ReloadNowAsync()))!;
        Assert.That(refused.StatusCode, Is.EqualTo(StatusCode.PermissionDenied));
        Assert.That(refused.Status.Detail, Does.StartWith("'key reader' lacks the right Admin for /tweetcounts.v1.TweetCountsService/ReloadNow"));
        Assert.That(service.Log.Has("ReloadAsked"), Is.False);

        var reload = await Client(service, operatorKey).ReloadNowAsync();
        Assert.That(reload.Freshness.Epoch, Is.Not.EqualTo(epoch));
        Assert.That(service.Log.Entries.Single(entry => entry.EventName == "ReloadAsked").Message, Does.Contain("because key operator asks for it"));
    }

    /// <summary>What a database that was never crashed has, and one that was: the log's identity is gone with its rows.</summary>
    [TestCase("select 1")]
    [TestCase("truncate twcache.change_identity")]
    public async Task ReloadFunction_CalledBySql_GivesAnotherIdentity(string before)
    {
        await _database.ApplySchemaAsync();
        await _database.ExecuteAsync("insert into twcache.change_identity default values on conflict do nothing");
        var old = await _database.QueryAsync<Guid>("select id from twcache.change_identity");
        await _database.ExecuteAsync(before);

        var answered = await _database.QueryAsync<Guid>("select twcache.reload()");
        Assert.That(answered, Is.Not.EqualTo(old).And.EqualTo(await _database.QueryAsync<Guid>("select id from twcache.change_identity")));
    }

    private async Task<RunningService> StartAsync(params string[] settings)
    {
        var service = await RunningService.StartAsync(_database.ConnectionString, ["--Audit:Interval=0", .. settings]);
        await _database.AddMessagesAsync(10);
        await service.AssertEqualsViewAsync(_database);
        return service;
    }

    /// <summary>A transaction that keeps loads from the tables.</summary>
    private async Task<NpgsqlConnection> BlockAsync()
    {
        var connection = await _database.OpenAsync();
        await connection.ExecuteAsync("begin; lock table tweet.activity in access exclusive mode");
        return connection;
    }

    private static Task WaitUntilItWaitsAsync(RunningService service) =>
        Wait.UntilAsync(() => service.Status.Condition.Detail.Contains("other transactions hold locks"), RunningService.Patience, "the load waits for the table");

    private static async Task<long> RetweetsAsync(RunningService service) =>
        (await service.Client.GetCountsAsync(new GetCountsRequest { MessageId = 3, Read = new ReadOptions { Strong = true } })).Counts.Retweets;

    private static TweetCountsClient Client(RunningService service, TestKey key)
    {
        var options = service.Options();
        options.ApiKey = key.Key;
        return new TweetCountsClient(options);
    }
}
