using CacheService.IntegrationTests.Infrastructure;
using TweetCounts.V1;
using LogForm = CacheService.Feed.LogForm;

namespace CacheService.IntegrationTests.Faults;

/// <summary>A standby takes the primary's place.</summary>
// Beside other fixtures: it waits more than it works, for servers of its own.
[Parallelizable(ParallelScope.All)]
internal sealed class FailoverTests
{
    [Test]
    public async Task Primary_GoneAndStandbyPromoted_IsFollowedThere([Values] LogForm log)
    {
        await using var servers = await ServerPair.StartAsync();
        await servers.BecomeSynchronousAsync();
        await using var run = await FaultRun.StartAsync("primary gone, standby promoted", servers, $"--Feed:Log={log}");

        await servers.Primary.StopAsync(immediate: true);
        await servers.Standby.PromoteAsync();

        await run.EndFaultAsync();
        await run.FinishAsync();
        Assert.That(run.Checker.States.Reloads, Is.GreaterThan(0), "the change log is not replicated");
    }

    [Test]
    public async Task Primary_DemotedButStillThere_IsLeft()
    {
        // How long the service may take to hear of a promotion that nobody tells it.
        var unheard = TimeSpan.FromSeconds(10);
        await using var servers = await ServerPair.StartAsync();
        await using var run = await FaultRun.StartAsync("standby promoted, primary still there", servers);

        await run.Writers.StopAsync();
        await servers.WaitForStandbyAsync();
        run.Checker.Tolerance = unheard;
        await servers.Standby.PromoteAsync();
        run.Writers.Start(servers.Standby.ConnectionString);
        await Wait.UntilAsync(() => run.Service.HasLogged("another host was promoted"), RunningService.Patience, "the service has noticed");

        await run.EndFaultAsync();
        run.Checker.Tolerance = TimeSpan.Zero;
        await run.FinishAsync(servers.Standby);
        await TestContext.Progress.WriteLineAsync($"followed the demoted primary for {run.Checker.LongestLie.TotalSeconds:F1} s");
        Assert.That(run.Checker.States.Reloads, Is.GreaterThan(0));
    }

    [Test]
    public async Task Server_BackAsAStandby_IsRefusedUntilItIsPromoted()
    {
        await using var server = await PrivateServer.StartAsync();
        await using var run = await FaultRun.StartAsync("server back as a standby, promoted later", server);

        await server.StopAsync(immediate: false);
        await server.StartAgainAsStandbyAsync();
        await Wait.UntilAsync(async () => (await run.Service.GetStatusAsync()).Detail.Contains("is a standby"), RunningService.Patience, "the service says what is wrong");
        await run.Service.AssertStateIsToldAlikeAsync(FeedState.Stale);
        await server.PromoteAsync();

        await run.EndFaultAsync();
        await run.FinishAsync();
        Assert.That(run.Checker.States.Reloads, Is.GreaterThan(0), "the change log is not replicated");
    }
}
