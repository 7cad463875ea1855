using CacheService.IntegrationTests.Infrastructure;

namespace CacheService.IntegrationTests.Faults;

/// <summary>Somebody else keeps the server from emptying its notification queue.</summary>
internal sealed class NotificationQueueTests
{
    [Test]
    public async Task Queue_Filling_IsToldAndWarnedOf()
    {
        const double Threshold = 0.0002;
        await using var server = await PrivateServer.StartAsync();
        await using var run = await FaultRun.StartAsync(
            "the notification queue fills", server, "--Feed:LeaseDuration=00:00:30", $"--Feed:NotificationQueueWarning={Threshold}");
        await using var lag = new MachineLag();

        // A listener in a transaction reads nothing, and the queue keeps everything for it. Each payload fills a page.
        await using var idle = await server.OpenAsync();
        await idle.ExecuteAsync("listen elsewhere");
        await idle.ExecuteAsync("begin; select 1");
        await server.ExecuteAsync("select pg_notify('elsewhere', n || repeat('x', 7900)) from generate_series(1, 400) n");
        await Wait.UntilAsync(async () => (await run.Service.GetStatusAsync()).NotificationQueueUsage > Threshold, RunningService.Patience, "the status tells how full the queue is");
        await Wait.UntilAsync(() => run.Service.HasLogged("notification queue"), RunningService.Patience, "a warning is logged");
        await run.Writers.WriteMoreAsync(100);
        await idle.ExecuteAsync("rollback");

        await run.EndFaultAsync();
        await Wait.UntilAsync(async () => (await run.Service.GetStatusAsync()).NotificationQueueUsage < Threshold / 2, RunningService.Patience, "the queue is empty again, and the status says so");
        await run.FinishAsync();
        Assert.That(run.Checker.States.Reloads, Is.Zero);
        Assert.That(run.Checker.States.LongestNotLive, Is.LessThan(lag.Allow(FaultRun.AMoment)));
    }
}
