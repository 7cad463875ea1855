using CacheService.IntegrationTests.AnyDatabase;
using CacheService.IntegrationTests.Infrastructure;
using CacheService.Rollup;
using Microsoft.Extensions.DependencyInjection;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Rollup;

/// <summary>A cache starts from what was written back, wherever that is known to be right, and says why where it counts instead.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class RollupStartTests
{
    private const string FromRollup = "CountsLoadedFromRollup";
    private const string Counted = "CountsLoaded";
    private const string Retweet = "insert into tweet.activity (messageid, action) select messageid, 'rt' from tweet.message";

    [Test]
    public async Task Restart_AfterWritesMeanwhile_GoesOnFromTheRollup()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using (var first = await StartAsync(database))
        {
            Assert.That(first.Log.Entries.Single(entry => entry.EventName == Counted).Message, Does.Contain("because nothing was rolled up yet"));
            await database.AddMessagesAsync(5);
            await database.ExecuteAsync(Retweet);
            await WaitForRollupAsync(first);
            var status = await first.Client.GetStatusAsync(new GetStatusRequest());
            Assert.That(status.RollupAge.ToTimeSpan(), Is.LessThan(RunningService.Patience));
            Assert.That(status.RollupDetail, Is.Empty);
        }

        await database.ExecuteAsync($"{Retweet}; delete from tweet.message where messageid = 2");
        // An open transaction of before: it is recorded, and nobody waits for it.
        await using var open = await database.OpenAsync();
        await open.ExecuteAsync($"begin; {Retweet}");
        await using var second = await StartAsync(database);
        await second.AssertEqualsViewAsync(database);
        Assert.That((second.Log.Count(FromRollup), second.Log.Count(Counted)), Is.EqualTo((1, 0)));
        await open.ExecuteAsync("commit");
        await second.AssertEqualsViewAsync(database);
    }

    [Test]
    public async Task Rollup_ThatTakesLong_IsFollowedByARest()
    {
        const double Slow = 0.6;
        const double Rest = 20;
        // On a machine that stalls a rollup takes longer, and the rest after it, which is five minutes at most.
        var patience = TimeSpan.FromMinutes(6);
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await StartAsync(database);
        await database.AddMessagesAsync(5);
        await WaitForRollupAsync(service);
        await database.ExecuteAsync(FormattableString.Invariant(
            $"""
            create table public.rolled (at timestamptz);
            create function public.be_slow() returns trigger language plpgsql as $$ begin perform pg_sleep({Slow}); insert into public.rolled values (clock_timestamp()); return null; end $$;
            create trigger slow after insert or update on twcache.counters for each statement when (pg_trigger_depth() = 0) execute function public.be_slow()
            """));
        await Wait.UntilAsync(
            async () =>
            {
                await database.ExecuteAsync(Retweet);
                return await database.QueryAsync<long>("select count(distinct xmin::text) from public.rolled") > 1;
            },
            patience,
            "two slow rollups");

        var times = await database.QueryAsync<double>("select extract(epoch from max(at) - min(at))::float8 from (select min(at) as at from public.rolled group by xmin::text) as rollups");
        Assert.That(times, Is.GreaterThan(Rest * Slow));
    }

    [Test]
    public async Task Server_CrashedWithCommitsLost_IsLoadedFromTheRollup()
    {
        const int FewestCrashes = 3;
        const int MostCrashes = 40;
        await using var server = await PrivateServer.StartAsync(("wal_writer_delay", "10s"));
        await using var service = await StartAsync(server, "--Rollup:Interval=00:00:05");
        await server.AddMessagesAsync(5);
        await WaitForRollupAsync(service);
        // The service's commits do not wait for the disk, but this one does, and what comes before it is there too.
        await server.ExecuteAsync("create table public.waits_for_the_disk ()");
        var (lost, crash) = (0L, 0);
        for (; crash < FewestCrashes || (lost == 0 && crash < MostCrashes); crash++)
        {
            var before = await server.QueryAsync<long>("select count(*) from tweet.activity");
            await using (var writer = await server.OpenAsync())
            {
                await writer.ExecuteAsync("set synchronous_commit = off");
                for (var n = 0; n < 40; n++)
                {
                    await writer.ExecuteAsync(Retweet);
                }

                // The cache has counted them.
                await service.Client.GetCountsAsync(new GetCountsRequest { MessageId = 1, Read = new ReadOptions { Strong = true } });
            }

            await server.StopAsync(immediate: true);
            await server.StartAgainAsync();
            lost += before + (40 * 5) - await server.QueryAsync<long>("select count(*) from tweet.activity");
            var loads = crash + 2;
            await Wait.UntilAsync(() => service.Log.Count(FromRollup) + service.Log.Count(Counted) >= loads, RunningService.Patience, "it has loaded after the crash");
            await service.WaitForLiveAsync();
            await service.AssertEqualsViewAsync(server);
            var problem = await server.QueryAsync<string>("select coalesce(twcache.rollup_problem(true), 'none')");
            Assert.That(await server.QueryAsync<long>(RollupDatabase.CounterDifferencesSql), Is.Zero, $"after crash {crash}, {lost} rows lost; problem of the rollup: {problem}; {string.Join('\n', service.Log.Entries)}");
        }

        await TestContext.Progress.WriteLineAsync($"{lost} rows of {crash * 40 * 5} were lost; {service.Log.Count(FromRollup)} loads from the rollup, {service.Log.Count(Counted)} counts");
        Assert.That(lost, Is.GreaterThan(0), "commits were lost");
        Assert.That(service.Log.Count(Counted), Is.EqualTo(1), "the first load only");
    }

    [Test]
    public async Task Standby_Promoted_IsLoadedFromTheRollup()
    {
        await using var servers = await ServerPair.StartAsync();
        await servers.BecomeSynchronousAsync();
        await using var service = await StartAsync(servers);
        await servers.AddMessagesAsync(5);
        await WaitForRollupAsync(service);
        await servers.ExecuteAsync(Retweet);
        await servers.Primary.StopAsync(immediate: true);
        await servers.Standby.PromoteAsync();
        await servers.Standby.ExecuteAsync("alter system reset synchronous_standby_names");
        await Wait.UntilAsync(() => service.Log.Has(FromRollup), RunningService.Patience, "it is loaded from the rollup");
        await service.WaitForLiveAsync();
        await service.AssertEqualsViewAsync(servers.Standby);
        Assert.That(service.Log.Count(Counted), Is.EqualTo(1), "the first load only");
    }

    [TestCase("select setval('twcache.lease', 1)", "changes went unrecorded", TestName = "Start_AfterTheLeaseRanOut_Counts")]
    [TestCase("truncate tweet.activity", "others than at the last rollup", TestName = "Start_AfterATruncate_Counts")]
    [TestCase("begin; create table tmp as table twcache.rollup; delete from twcache.rollup; insert into twcache.rollup table tmp; drop table tmp; commit", "a restore has brought", TestName = "Start_FromARestoredRollup_Counts")]
    [TestCase("update twcache.counters set rts = 100", "nothing was rolled up yet", TestName = "Start_AfterSomebodyWroteToTheCounters_Counts")]
    [TestCase("update twcache.rollup set lapse = lapse", "a restore has brought", TestName = "Start_FromARollupThatSomebodyWrote_Counts")]
    public async Task Start_FromARollupThatIsNotToBeTrusted_CountsAndSaysWhy(string sql, string reason)
    {
        await using var database = await TestDatabase.CreateAsync();
        await using (var first = await StartAsync(database))
        {
            await database.AddMessagesAsync(5);
            await database.ExecuteAsync(Retweet);
            await WaitForRollupAsync(first);
        }

        await database.ExecuteAsync(sql);
        await using var second = await StartAsync(database);
        await second.AssertEqualsViewAsync(database);
        Assert.That(second.Log.Entries.Single(entry => entry.EventName == Counted).Message, Does.Contain(reason));
    }

    [Test]
    public async Task Start_OnACopyOfTheDatabase_CountsAndSaysWhy([Values(true, false)] bool isTemplate)
    {
        await using var database = await TrialDatabase.CreateAsync();
        await using (var first = await RunningService.StartAsync(database.ConnectionString))
        {
            await WaitForRollupAsync(first);
        }

        var copy = await database.CreateOtherAsync("copy", create: !isTemplate);
        if (isTemplate)
        {
            await database.CloseAsync();
            await database.OnServerAsync($"create database {database.Name}_copy template {database.Name}");
            await database.OnServerAsync($"alter database {database.Name}_copy allow_connections true");
        }
        else
        {
            var file = Path.GetTempFileName();
            await PostgresTools.RunAsync("pg_dump", database.ConnectionString, "-Fc", "-f", file);
            await PostgresTools.RestoreAsync(copy, file);
            File.Delete(file);
        }

        await copy.ExecuteAsync(Retweet);
        await using var second = await StartAsync(copy);
        await second.AssertEqualsViewAsync(copy);
        var message = second.Log.Entries.Single(entry => entry.EventName == Counted).Message;
        Assert.That(message, Does.Contain("because "));
        await TestContext.Progress.WriteLineAsync(message);
        if (isTemplate)
        {
            await database.OpenAgainAsync();
        }
    }

    [Test]
    public async Task Start_WithMorePendingThanIsWorthIt_Counts()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using (var first = await StartAsync(database))
        {
            await database.AddMessagesAsync(5);
            await WaitForRollupAsync(first);
        }

        await database.ExecuteAsync(Retweet);
        await using var second = await StartAsync(database, "--Rollup:MaxPendingRows=4", "--Rollup:Interval=0");
        await second.AssertEqualsViewAsync(database);
        Assert.That(second.Log.Entries.Single(entry => entry.EventName == Counted).Message, Does.Contain("more than 4 changes are pending"));
        Assert.That((await second.Client.GetStatusAsync(new GetStatusRequest())).RollupDetail, Does.Contain("switched off"));
    }

    [Test]
    public async Task Audit_ThatFindsDifferences_HasTheCountersCountedAfresh()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await StartAsync(database);
        await database.AddMessagesAsync(5);
        await WaitForRollupAsync(service);
        await database.ExecuteAsync("begin; insert into tweet.activity (messageid, action) values (1, 'fav'); delete from twcache.change where xid = pg_current_xact_id(); commit");
        Assert.That((await service.Client.AuditNowAsync(new AuditNowRequest())).Differences, Is.EqualTo(1));
        await Wait.UntilAsync(async () => await database.QueryAsync<long>("select coalesce(max(favs), 0) from twcache.counters where messageid = 1") == 1, RunningService.Patience, "the counters are right");
        Assert.That(await database.QueryAsync<long>(RollupDatabase.CounterDifferencesSql), Is.Zero);
    }

    private static Task<RunningService> StartAsync(ITestDatabase database, params string[] settings) => RunningService.StartAsync(database.ConnectionString, settings);

    private static async Task WaitForRollupAsync(RunningService service)
    {
        var status = service.Services.GetRequiredService<RollupStatus>();
        await Wait.UntilAsync(() => status.Age is not null, RunningService.Patience, $"the counts are written back ({status.Detail})");
    }
}
