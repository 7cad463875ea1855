using CacheService.IntegrationTests.Infrastructure;
using TweetCounts.V1;
using LogForm = CacheService.Feed.LogForm;

namespace CacheService.IntegrationTests.Faults;

/// <summary>The server goes away, and comes back with everything or with less.</summary>
// Beside other fixtures: it waits more than it works, for servers of its own.
[Parallelizable(ParallelScope.All)]
internal sealed class ServerFaultsTests
{
    [Test]
    public async Task Server_StoppedAndStarted_IsFollowedOnFromWhereItWas()
    {
        await using var server = await PrivateServer.StartAsync();
        await using var run = await FaultRun.StartAsync("server stopped for 3 s", server);

        await server.StopAsync(immediate: false);
        await run.Service.WaitForStateAsync(FeedState.Stale);
        await run.Service.AssertStateIsToldAlikeAsync(FeedState.Stale);
        await Pause.ForAsync(TimeSpan.FromSeconds(3));
        await server.StartAgainAsync();

        await run.EndFaultAsync();
        await run.FinishAsync();
        Assert.That(run.Checker.States.Reloads, Is.Zero, "a clean restart keeps the change log");
    }

    [Test]
    public async Task Server_Crashed_IsLoadedAfresh([Values] LogForm log)
    {
        await using var server = await PrivateServer.StartAsync();
        await using var run = await FaultRun.StartAsync("server crashed", server, $"--Feed:Log={log}");

        await server.StopAsync(immediate: true);
        await run.Service.WaitForStateAsync(FeedState.Stale);
        await server.StartAgainAsync();

        await run.EndFaultAsync();
        await run.FinishAsync();
        Assert.That(run.Checker.States.Reloads, Is.EqualTo(1), "recovery empties the change log");
        Assert.That(run.Service.HasLogged("the server has crashed"), run.Service.LogText);
    }

    [Test]
    public async Task Server_RestartedThreeTimes_IsExactEachTime([Values] LogForm log)
    {
        await using var server = await PrivateServer.StartAsync();
        await using var run = await FaultRun.StartAsync("server restarted, crashed, restarted", server, $"--Feed:Log={log}");

        foreach (var immediate in (bool[])[false, true, false])
        {
            await server.StopAsync(immediate);
            await server.StartAgainAsync();
            await run.EndFaultAsync();
        }

        await run.FinishAsync();
        Assert.That(run.Checker.States.Reloads, Is.EqualTo(1));
    }
}
