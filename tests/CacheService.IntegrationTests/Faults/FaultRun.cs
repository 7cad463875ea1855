using System.Diagnostics;
using CacheService.IntegrationTests.Infrastructure;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Faults;

/// <summary>
/// One fault from before to after: writers write and a checker reads all the while; in the end the cache equals the view, no reply has
/// claimed more than the truth, and <see cref="FaultTable"/> has a row more.
/// </summary>
internal sealed class FaultRun : IAsyncDisposable
{
    /// <summary>What a busy machine takes now and then, and no fault that lasts.</summary>
    public static readonly TimeSpan AMoment = TimeSpan.FromSeconds(3);

    /// <summary>Transactions before and after the fault.</summary>
    private const int Some = 100;

    private static readonly TimeSpan WriterPace = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan DefaultStaleAfter = TimeSpan.FromSeconds(2);

    private readonly string _fault;
    private readonly ITestDatabase _database;
    private readonly List<(FaultService Service, HonestyChecker Checker)> _others = [];
    private long _committedBefore;
    private TimeSpan _exactAfter;
    private bool _hasFinished;

    private FaultRun(string fault, ITestDatabase database, FaultService service, FaultWriters writers, HonestyChecker checker)
    {
        (_fault, _database, Service, Writers, Checker) = (fault, database, service, writers, checker);
    }

    public FaultService Service { get; }

    public FaultWriters Writers { get; }

    public HonestyChecker Checker { get; }

    /// <summary>Starts the service in this process, LIVE, and the writers.</summary>
    /// <param name="fault">Names the fault in the table.</param>
    /// <param name="database">Where the writers write: empty.</param>
    /// <param name="settings">The service's.</param>
    public static Task<FaultRun> StartAsync(string fault, ITestDatabase database, params string[] settings) =>
        StartAsync(fault, database, () => FaultService.StartHereAsync(database.ConnectionString, settings));

    /// <summary>As above, with a service that goes other ways to the database, or runs elsewhere.</summary>
    public static async Task<FaultRun> StartAsync(string fault, ITestDatabase database, Func<Task<FaultService>> startServiceAsync)
    {
        await FaultStatements.PrepareAsync(database);
        return await StartPreparedAsync(fault, database, startServiceAsync);
    }

    /// <summary>As the others, on a database that <see cref="FaultStatements.PrepareAsync"/> has been called for.</summary>
    public static async Task<FaultRun> StartPreparedAsync(string fault, ITestDatabase database, Func<Task<FaultService>> startServiceAsync)
    {
        var service = await startServiceAsync();
        var writers = new FaultWriters(WriterPace);
        writers.Start(database.ConnectionString);
        var run = new FaultRun(fault, database, service, writers, new HonestyChecker(service, writers, DefaultStaleAfter));
        try
        {
            await service.WaitForStateAsync(FeedState.Live);
            await run.Writers.WriteMoreAsync(Some);
            await run.Checker.States.WaitForLiveAsync(Stopwatch.GetTimestamp());
        }
        catch
        {
            // Nobody else ends what has been started.
            await run.DisposeAsync();
            throw;
        }

        run.BeginFault();
        return run;
    }

    /// <summary>Another service on the same database joins, LIVE, with a checker of its own.</summary>
    public async Task JoinAsync(FaultService service)
    {
        try
        {
            await service.WaitForStateAsync(FeedState.Live);
        }
        catch
        {
            await service.DisposeAsync();
            throw;
        }

        _others.Add((service, new HonestyChecker(service, Writers, DefaultStaleAfter)));
        BeginFault();
    }

    /// <summary>From here on the table counts.</summary>
    public void BeginFault()
    {
        Checker.States.Forget();
        _committedBefore = Writers.Committed;
    }

    /// <summary>The fault is over: waits until everything written until now is read as LIVE.</summary>
    public async Task EndFaultAsync()
    {
        _exactAfter = await Checker.States.WaitForLiveAsync(Stopwatch.GetTimestamp());
        await Writers.WriteMoreAsync(Some);
    }

    /// <summary>Compares, asserts, and adds the row.</summary>
    /// <param name="database">Where the writers write by now, if not where they began.</param>
    public async Task FinishAsync(ITestDatabase? database = null)
    {
        await Writers.StopAsync();
        await WaitForWritersToBeGoneAsync(database ?? _database);
        FaultTable.Add(_fault, Checker, _exactAfter, Writers.Committed - _committedBefore, Checker.ViolationCount);
        foreach (var (service, checker) in _others.Prepend((Service, Checker)))
        {
            await service.WaitForStateAsync(FeedState.Live);
            await service.Client.AssertEqualsViewAsync(database ?? _database, $"after: {_fault}");
            await checker.DisposeAsync();
            await service.AssertStateIsToldAlikeAsync(FeedState.Live);
            Assert.That(checker.Violations, Is.Empty, $"{checker.ViolationCount} replies claimed more than the truth");
            Assert.That(checker.Checked, Is.GreaterThan(Some), "the checker has read");
        }

        _hasFinished = true;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_hasFinished)
        {
            await TestContext.Progress.WriteLineAsync(
                $"{_fault}: not finished; {Writers.Committed} transactions, failures: {Writers.Failures}; violations: {string.Join("; ", Checker.Violations)}\n{Service.LogText}");
        }

        foreach (var (service, checker) in _others.Prepend((Service, Checker)))
        {
            await checker.DisposeAsync();
            await service.DisposeAsync();
        }

        await Writers.DisposeAsync();
    }

    /// <summary>What a writer sent before its connection broke may take effect after it.</summary>
    private static Task WaitForWritersToBeGoneAsync(ITestDatabase database) => Wait.UntilAsync(
        async () => await database.QueryAsync<long>($"select count(*) from pg_stat_activity where datname = current_database() and application_name = '{FaultWriters.ApplicationName}'") == 0,
        RunningService.Patience,
        "the server has no more of the writers' sessions");
}
