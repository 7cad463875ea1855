using CacheService.IntegrationTests.Infrastructure;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Faults;

/// <summary>Processes that stand still, keep their connections, and go on as if nothing had been; and one that is killed.</summary>
// They pass their time waiting, each for a server and a service of its own.
[Parallelizable(ParallelScope.All)]
internal sealed class FreezeTests
{
    private const string ShortLease = "--Feed:LeaseDuration=00:00:03";

    [Test]
    public async Task Server_FrozenFor10Seconds_IsSaidToBeStale()
    {
        await using var server = await PrivateServer.StartAsync();
        await using var run = await FaultRun.StartAsync("server frozen for 10 s", server);

        await server.FreezeAsync();
        await run.Service.WaitForStateAsync(FeedState.Stale);
        await run.Service.AssertStateIsToldAlikeAsync(FeedState.Stale);
        await Pause.ForAsync(TimeSpan.FromSeconds(8));
        Assert.That((await run.Service.GetStatusAsync()).State, Is.EqualTo(FeedState.Stale));
        await server.ThawAsync();

        await run.EndFaultAsync();
        await run.FinishAsync();
        Assert.That(run.Checker.States.Reloads, Is.Zero, "the lease has held");
        Assert.That(run.Checker.States.LongestNotLive, Is.GreaterThan(TimeSpan.FromSeconds(6)));
    }

    [Test]
    public async Task Service_FrozenForLongerThanItsLease_DisturbsNobody([Values(true, false)] bool rollsUp)
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var run = await FaultRun.StartAsync(
            $"service frozen for longer than its lease, {(rollsUp ? "with" : "without")} rollups", database,
            () => Task.FromResult(FaultService.StartProcess(database.ConnectionString, ShortLease, $"--Rollup:Interval={(rollsUp ? "00:00:00.5" : "0")}")));
        await using var bells = await BellCounter.ListenAsync(database);
        await using var trimming = await database.OpenAsync();
        if (rollsUp)
        {
            await WaitForLongLeaseAsync(run, database);
            // Frozen between a renewal and the trim after it, the service would go on with that: with dropping itself, whose time is over.
            await trimming.ExecuteAsync("begin; select from twcache.mutex where name = 'trim' for update");
        }

        await ProcessSignals.FreezeAsync(run.Service.Process!.Id);
        await Wait.UntilAsync(
            () => database.QueryAsync<bool>("select last_value + 1 < extract(epoch from clock_timestamp()) from twcache.listening"), RunningService.Patience, "its time is over");
        // Transactions that were under way then may still ring.
        await run.Writers.WriteMoreAsync(50);
        var rung = bells.Count;
        var recorded = await database.QueryAsync<long>("select coalesce(max(xid::text::bigint), 0) from twcache.change");
        await run.Writers.WriteMoreAsync(200);
        Assert.That(bells.Count, Is.EqualTo(rung), "writers do not ring for a cache that is not heard of");
        var recordedThen = await database.QueryAsync<long>("select coalesce(max(xid::text::bigint), 0) from twcache.change");
        Assert.That(recordedThen, rollsUp ? Is.GreaterThan(recorded) : Is.EqualTo(recorded), "nor do they record for it, only for the rollup");
        Assert.That(await database.QueryAsync<double>("select pg_notification_queue_usage()"), Is.LessThan(0.0001), "a few pages of 8 GB");
        await ProcessSignals.ThawAsync(run.Service.Process!.Id);

        await run.EndFaultAsync();
        await run.FinishAsync();
        Assert.That(run.Checker.States.Reloads, rollsUp ? Is.Zero : Is.GreaterThan(0), () => $"{(rollsUp ? "the change log had everything" : "nothing was recorded meanwhile")}:\n{run.Service.LogText}");
    }

    [Test]
    public async Task Service_FrozenForShorterThanItsLease_GoesOn()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var run = await FaultRun.StartAsync(
            "service frozen for 3 s", database, () => Task.FromResult(FaultService.StartProcess(database.ConnectionString)));

        await ProcessSignals.FreezeAsync(run.Service.Process!.Id);
        await Pause.ForAsync(TimeSpan.FromSeconds(3));
        await ProcessSignals.ThawAsync(run.Service.Process!.Id);

        await run.EndFaultAsync();
        await run.FinishAsync();
        Assert.That(run.Checker.States.Reloads, Is.Zero, "the change log had everything");
    }

    [Test]
    public async Task Service_KilledAndStarted_LoadsAfresh()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var run = await FaultRun.StartAsync(
            "service killed and started again", database, () => Task.FromResult(FaultService.StartProcess(database.ConnectionString)));

        await run.Service.KillAsync();
        await run.Writers.WriteMoreAsync(100);
        run.Service.StartAgain();

        await run.EndFaultAsync();
        await run.FinishAsync();
        Assert.That(run.Checker.States.Reloads, Is.EqualTo(1));
    }

    /// <summary>Waits until the service knows that a rollup has made the lease a long one: the answer of a renewal that came after it has told it.</summary>
    private static async Task WaitForLongLeaseAsync(FaultRun run, TestDatabase database)
    {
        await Wait.UntilAsync(() => database.QueryAsync<bool>("select exists (select from twcache.rollup where counted)"), RunningService.Patience, "the counts are written back");
        // The first may have been under way, and the third comes once the second was answered.
        var renewals = await RenewalsAsync(database);
        await Wait.UntilAsync(async () => await RenewalsAsync(database) >= renewals + 3, RunningService.Patience, "the service has renewed the lease");
        run.BeginFault();
    }

    private static Task<long> RenewalsAsync(TestDatabase database) => database.QueryAsync<long>("select coalesce(max(renewal), 0) from twcache.consumer");
}
