using CacheService.IntegrationTests.Infrastructure;

namespace CacheService.IntegrationTests.Faults;

/// <summary>Several services on one database, each a process: what happens to one is no harm to the others.</summary>
// They pass their time waiting, each for services of its own.
[Parallelizable(ParallelScope.All)]
internal sealed class SeveralCachesFaultsTests
{
    private const string ShortLease = "--Feed:LeaseDuration=00:00:03";

    [Test]
    public async Task Ringer_Killed_IsReplacedByAnother()
    {
        await using var database = await TestDatabase.CreateAsync();
        var ringer = FaultService.StartProcess(database.ConnectionString);
        await using var run = await FaultRun.StartAsync("ringer of two caches killed and started again", database, () => Task.FromResult(ringer));
        var follower = await JoinAsync(run, database);

        await ringer.KillAsync();
        await WaitForRingerAsync(follower);
        await run.Writers.WriteMoreAsync(100);
        ringer.StartAgain();

        await run.EndFaultAsync();
        await run.FinishAsync();
    }

    [Test]
    public async Task Ringer_Frozen_LosesItsSessionsAndIsReplaced()
    {
        await using var database = await TestDatabase.CreateAsync();
        var ringer = FaultService.StartProcess(database.ConnectionString, ShortLease);
        await using var run = await FaultRun.StartAsync("ringer of two caches frozen for longer than its lease", database, () => Task.FromResult(ringer));
        var follower = await JoinAsync(run, database, ShortLease);

        await ProcessSignals.FreezeAsync(ringer.Process!.Id);
        await WaitForRingerAsync(follower);
        await Wait.UntilAsync(() => follower.HasLogged("Ended "), RunningService.Patience, "the follower has ended the sessions");
        await run.Writers.WriteMoreAsync(100);
        Assert.That(await database.QueryAsync<double>("select pg_notification_queue_usage()"), Is.LessThan(0.0001), "a few pages of 8 GB");
        await ProcessSignals.ThawAsync(ringer.Process!.Id);

        await run.EndFaultAsync();
        await run.FinishAsync();
    }

    [Test]
    public async Task AllSessions_OfThreeCaches_Terminated_AreReplaced()
    {
        const int Times = 5;
        await using var database = await TestDatabase.CreateAsync();
        await using var run = await FaultRun.StartAsync(
            $"sessions of three caches ended {Times} times", database, () => Task.FromResult(FaultService.StartProcess(database.ConnectionString)));
        FaultService[] all = [run.Service, await JoinAsync(run, database), await JoinAsync(run, database)];

        for (var n = 0; n < Times; n++)
        {
            await database.TerminateServiceAsync();
            await run.EndFaultAsync();
        }

        await Wait.UntilAsync(async () => (await Task.WhenAll(all.Select(cache => cache.GetStatusAsync()))).Count(status => status.Ringer) == 1, RunningService.Patience, "one of them rings");
        await run.FinishAsync();
        Assert.That(run.Checker.States.Reloads, Is.Zero, run.Service.LogText);
    }

    private static async Task<FaultService> JoinAsync(FaultRun run, TestDatabase database, params string[] settings)
    {
        var service = FaultService.StartProcess(database.ConnectionString, settings);
        await run.JoinAsync(service);
        return service;
    }

    private static Task WaitForRingerAsync(FaultService service) =>
        Wait.UntilAsync(async () => (await service.GetStatusAsync()).Ringer, RunningService.Patience, "the other has become the ringer");
}
