using CacheService.IntegrationTests.Infrastructure;
using TweetCounts.V1;
using FeedState = CacheService.Feed.FeedState;

namespace CacheService.IntegrationTests.Interop;

/// <summary>The service as Python's gRPC sees it, which shares no code with ours: not the client, not the HTTP/2, not the messages.</summary>
// Beside other fixtures: it waits more than it works, for processes of its own.
[Parallelizable(ParallelScope.Self)]
internal sealed class PythonClientTests
{
    // So that it is the service that gives up, however slow the machine is, and not the client.
    private const string ShortWait = "--Limits:MaxReadWait=00:00:05";

    private Python _python = null!;

    [OneTimeSetUp]
    public async Task FindPython() => _python = await Python.RequireAsync();

    // Null where there is no Python.
    [OneTimeTearDown]
    public void DeleteStubs() => _python?.Dispose();

    [Test]
    public async Task UnaryMethods_FromPython_AnswerAndFailAsTheyPromise()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await InteropService.StartWithMessagesAsync(database, ShortWait);
        await _python.RunAsync("unary_calls", database, Address(service));
        await service.AssertEqualsViewAsync(database);
    }

    [Test]
    public async Task StandardServices_FromPython_SaySoAndDescribeTheApi()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await InteropService.StartWithMessagesAsync(database);
        await _python.RunAsync("standard_services", database, Address(service));
    }

    [Test]
    public async Task WatchCounts_FromPython_TellsTheStateAndWhatChanges()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await InteropService.StartWithMessagesAsync(database, "--Watch:MaxSubscriptions=2");
        await _python.RunAsync("watch_calls", database, Address(service));
        await WaitForNoWatchersAsync(service);
    }

    [TestCase(300)]
    [TestCase(1000)]
    public async Task WatchCounts_ManyOverOneChannel_AreAllAnsweredAndOtherCallsToo(int watches)
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await InteropService.StartWithMessagesAsync(database);
        await _python.RunAsync("many_watches", database, Address(service), $"{watches}");
        await WaitForNoWatchersAsync(service);
    }

    [TestCase("ids")]
    [TestCase("all")]
    public async Task WatchCounts_CutOffWhileOthersWrite_GoesOnAndMissesNothing(string kind)
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await InteropService.StartWithMessagesAsync(database);
        var seed = Random.Shared.Next();
        await TestContext.Out.WriteLineAsync($"seed {seed}");
        await _python.RunAsync("watch_resume", database, Address(service), kind, $"{seed}");
        await WaitForNoWatchersAsync(service);
        await service.AssertEqualsViewAsync(database);
    }

    [Test]
    public async Task Calls_BeforeTheFirstLoad_AreUnavailableToPython()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var gate = await new TestDatabaseGate(database).CloseAsync();
        await using var service = await RunningService.StartWithoutWaitingAsync(database.ConnectionString, ShortWait);
        await _python.RunAsync("unavailable", database, Address(service), "starting");
    }

    [Test]
    public async Task Calls_WhileTheDatabaseIsAway_AreUnavailableToPythonWhereTheyAskForFreshness()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await InteropService.StartWithMessagesAsync(database, ShortWait);
        await using var gate = await new TestDatabaseGate(database).CloseAsync();
        await gate.TerminateServiceAsync();
        await Wait.UntilAsync(() => service.Status.Condition.State == FeedState.Stale, RunningService.Patience, "the service is STALE");
        await _python.RunAsync("unavailable", database, Address(service), "stale");
    }

    private static Task WaitForNoWatchersAsync(RunningService service) => Wait.UntilAsync(
        async () => (await service.Client.GetStatusAsync(new GetStatusRequest())).Watchers == 0,
        RunningService.Patience,
        "the service has forgotten its watchers");

    private static string Address(RunningService service) => service.GrpcAddress.Authority;
}
