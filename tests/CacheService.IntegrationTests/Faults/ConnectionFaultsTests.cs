using CacheService.IntegrationTests.Infrastructure;

namespace CacheService.IntegrationTests.Faults;

/// <summary>The service's sessions end, one by one and all together.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class ConnectionFaultsTests
{
    [TestCase("listener", TestName = "Listener_Terminated_IsReplaced")]
    [TestCase("reader", TestName = "Reader_Terminated_IsReplaced")]
    [TestCase("pool", TestName = "Pool_Terminated_IsReplaced")]
    [TestCase("lease", TestName = "Lease_Terminated_IsReplaced")]
    [TestCase("", TestName = "AllSessions_Terminated_AreReplaced")]
    public async Task Session_Terminated_IsReplaced(string purpose)
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var run = await FaultRun.StartAsync($"session ended: {(purpose.Length > 0 ? purpose : "all")}", database);

        Assert.That(await database.TerminateServiceAsync(purpose), Is.GreaterThan(0));

        await run.EndFaultAsync();
        await run.FinishAsync();
        Assert.That(run.Checker.States.Reloads, Is.Zero, "the change log had everything");
    }

    [Test]
    public async Task AllSessions_TerminatedAgainAndAgain_AreReplaced()
    {
        const int Times = 40;
        await using var database = await TestDatabase.CreateAsync();
        await using var run = await FaultRun.StartAsync($"sessions ended {Times} times in 4 s", database);

        using (var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(100)))
        {
            for (var n = 0; n < Times; n++)
            {
                await database.TerminateServiceAsync((n % 5) switch { 0 => "listener", 1 => "reader", 2 => "pool", 3 => "lease", _ => "" });
                await tick.WaitForNextTickAsync();
            }
        }

        await run.EndFaultAsync();
        await run.FinishAsync();
        Assert.That(run.Checker.States.Reloads, Is.Zero, "the change log had everything");
    }
}
