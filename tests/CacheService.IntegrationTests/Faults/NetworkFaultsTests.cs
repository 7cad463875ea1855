using CacheService.IntegrationTests.Infrastructure;
using Npgsql;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Faults;

/// <summary>The network between the service and the server fails; the writers have another way.</summary>
// They pass their time waiting, each for a server and a service of its own.
[Parallelizable(ParallelScope.All)]
internal sealed class NetworkFaultsTests
{
    // Half-open connections show by their silence alone: it is not to take the whole test's time.
    private const string ShortDrainTimeout = "--Feed:DrainTimeout=00:00:02";

    [TestCase("refused", TestName = "Network_Refusing_IsLeftAndFoundAgain")]
    [TestCase("stalled", TestName = "Network_Stalling_IsSaidToBeStale")]
    [TestCase("cut silently, both ways", TestName = "Network_CutSilently_IsLeftAndFoundAgain")]
    [TestCase("cut silently, to the server", TestName = "Network_CutSilentlyToTheServer_IsLeftAndFoundAgain")]
    [TestCase("cut silently, from the server", TestName = "Network_CutSilentlyFromTheServer_IsLeftAndFoundAgain")]
    public async Task Network_Failing_IsLeftAndFoundAgain(string how)
    {
        await using var database = await TestDatabase.CreateAsync();
        var server = new NpgsqlConnectionStringBuilder(database.ConnectionString);
        await using var proxy = new SwallowingProxy(server.Port);
        var throughProxy = new NpgsqlConnectionStringBuilder(database.ConnectionString) { Host = "127.0.0.1", Port = proxy.Port };
        await using var run = await FaultRun.StartAsync(
            $"network {how} for 5 s", database, () => FaultService.StartHereAsync(throughProxy.ConnectionString, ShortDrainTimeout));

        proxy.Fault = FaultOf(how);
        await run.Service.WaitForStateAsync(FeedState.Stale);
        await run.Service.AssertStateIsToldAlikeAsync(FeedState.Stale);
        await Pause.ForAsync(TimeSpan.FromSeconds(4));
        Assert.That((await run.Service.GetStatusAsync()).State, Is.EqualTo(FeedState.Stale), "nothing gets through");
        proxy.Fault = NetworkFault.None;

        await run.EndFaultAsync();
        await Wait.UntilAsync(async () => (await run.Service.GetStatusAsync()).Ringer, RunningService.Patience, "the sessions that the server still believes in have lost their locks");
        await run.FinishAsync();
        Assert.That(run.Checker.States.Reloads, Is.Zero, "the change log had everything");
    }

    private static NetworkFault FaultOf(string how) => how switch
    {
        "refused" => NetworkFault.Refuses,
        "stalled" => NetworkFault.Stalls,
        "cut silently, both ways" => NetworkFault.SwallowsBoth,
        "cut silently, to the server" => NetworkFault.SwallowsToServer,
        "cut silently, from the server" => NetworkFault.SwallowsToClient,
        _ => throw new ArgumentOutOfRangeException(nameof(how)),
    };
}
