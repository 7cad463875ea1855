using System.Diagnostics;
using CacheService.Auditing;
using CacheService.Feed;
using CacheService.IntegrationTests.Infrastructure;
using Grpc.Core;
using Microsoft.Extensions.DependencyInjection;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Auditing;

/// <summary>When audits run, who waits for them, and what they keep from the log's trim.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class AuditorTests
{
    private TestDatabase _database = null!;

    [SetUp]
    public async Task CreateDatabase() => _database = await TestDatabase.CreateAsync();

    [TearDown]
    public async Task DropDatabase() => await _database.DisposeAsync();

    [Test]
    public async Task Audits_AtAnInterval_FindAndRepairByThemselves()
    {
        await using var service = await RunningService.StartAsync(_database.ConnectionString, "--Audit:Interval=00:00:00.100");
        await _database.AddMessagesAsync(10);
        await _database.ExecuteAsync("insert into tweet.activity (messageid, action) values (3, 'rt'); delete from twcache.change where xid = pg_current_xact_id()");

        await Wait.UntilAsync(() => Auditor(service).Summary.Differences == 1, RunningService.Patience, "the difference is found");
        await service.AssertEqualsViewAsync(_database);
        var audits = Auditor(service).Summary.Audits;
        await Wait.UntilAsync(() => Auditor(service).Summary.Audits > audits + 1, RunningService.Patience, "there are more audits");
        Assert.That(Auditor(service).Summary.Differences, Is.EqualTo(1));
    }

    [Test]
    public async Task AuditNow_OfManyAtOnce_IsShared()
    {
        await using var service = await RunningService.StartAsync(_database.ConnectionString, "--Audit:Interval=0");
        await _database.AddMessagesAsync(10);
        var waiting = Enumerable.Range(0, 50).Select(_ => Auditor(service).AuditNowAsync(CancellationToken.None)).ToArray();
        var results = await Task.WhenAll(waiting);

        Assert.That(results.Distinct(ReferenceEqualityComparer.Instance).Count(), Is.InRange(1, 3));
        Assert.That(Auditor(service).Summary.Audits, Is.InRange(1, 3));
    }

    [Test]
    public async Task AuditNow_GivenUpByItsCaller_GoesOn()
    {
        await using var service = await RunningService.StartAsync(_database.ConnectionString, "--Audit:Interval=0");
        await using var blocker = await BlockAsync();
        using var deadline = new CancellationTokenSource();
        var waiting = Auditor(service).AuditNowAsync(deadline.Token);
        await deadline.CancelAsync();
        Assert.That(async () => await waiting, Throws.InstanceOf<OperationCanceledException>());

        await blocker.ExecuteAsync("commit");
        await Wait.UntilAsync(() => Auditor(service).Summary.Audits == 1, RunningService.Patience, "the audit has ended");
    }

    [Test]
    public async Task AuditNow_WhileAnotherPauses_HurriesIt()
    {
        // Ten ranges of a thousand messages, which take five seconds each by the audits' clock, and pauses a hundred times as long as that.
        const int Messages = 10_000;
        await _database.ApplySchemaAsync();
        await _database.AddMessagesAsync(Messages);
        var clock = new SteppingTime();
        await using var service = await RunningService.StartWithAsync(
            services => services.AddSingleton(provider => ActivatorUtilities.CreateInstance<RangeAudit>(provider, clock)),
            _database.ConnectionString,
            "--Audit:Interval=00:00:00.001",
            "--Audit:MaxLoad=0.01");
        await service.WaitForLiveAsync();
        await Wait.UntilAsync(() => clock.Looks >= SteppingTime.LooksPerRange, RunningService.Patience, "the first range is audited");
        // The pause begins right after that.
        await Pause.ForAsync(TimeSpan.FromSeconds(1));
        var started = Stopwatch.GetTimestamp();
        var audit = await service.Client.AuditNowAsync(new AuditNowRequest());

        Assert.That(audit.Messages, Is.EqualTo(Messages));
        Assert.That(Stopwatch.GetElapsedTime(started), Is.LessThan(TimeSpan.FromSeconds(60)), "one pause takes longer");
    }

    [Test]
    public async Task AuditNow_WhileTheFeedIsDown_IsUnavailable()
    {
        await using var service = await RunningService.StartAsync(_database.ConnectionString, "--Audit:Interval=0");
        await using (var gate = await new TestDatabaseGate(_database).CloseAsync())
        {
            await gate.TerminateServiceAsync();
            await Wait.UntilAsync(() => service.Status.Condition.State == CacheService.Feed.FeedState.Stale, RunningService.Patience, "the service is STALE");

            var error = (await Assert.ThrowsAsync<RpcException>(async () => await service.Client.AuditNowAsync(new AuditNowRequest())))!;
            Assert.That(error.StatusCode, Is.EqualTo(StatusCode.Unavailable));
            Assert.That(error.Status.Detail, Does.StartWith("stale: "));
        }

        await service.WaitForLiveAsync();
        Assert.That((await service.Client.AuditNowAsync(new AuditNowRequest())).Differences, Is.Zero);
    }

    [Test]
    public async Task Stop_WhileAnAuditIsAwaited_EndsBothAtOnce()
    {
        await using var service = await RunningService.StartAsync(_database.ConnectionString, "--Audit:Interval=0");
        await using var blocker = await BlockAsync();
        var call = service.Client.AuditNowAsync(new AuditNowRequest()).ResponseAsync;
        await Wait.UntilAsync(() => IsAskingAsync("lock table"), RunningService.Patience, "the audit waits for the tables");

        await using var lag = new MachineLag();
        var started = Stopwatch.GetTimestamp();
        await service.StopAsync();
        Assert.That(Stopwatch.GetElapsedTime(started), Is.LessThan(lag.Allow(TimeSpan.FromSeconds(2.5))));
        var error = (await Assert.ThrowsAsync<RpcException>(async () => await call))!;
        Assert.That((error.StatusCode, error.Status.Detail), Is.EqualTo((StatusCode.Unavailable, "the service is stopping")));
    }

    [Test]
    public async Task Log_WhilePinned_KeepsWhatCameSince()
    {
        await using var service = await RunningService.StartAsync(_database.ConnectionString, "--Audit:Interval=0", "--Feed:LeaseDuration=00:00:12", "--Rollup:Interval=0");
        await _database.AddMessagesAsync(10);
        await service.AssertEqualsViewAsync(_database);
        var pin = service.Services.GetRequiredService<SnapshotPin>();
        pin.Pin();
        await _database.ExecuteAsync("insert into tweet.activity (messageid, action) select messageid, 'rt' from tweet.message");
        await service.AssertEqualsViewAsync(_database);

        for (var renewals = 0; renewals < 3; renewals++)
        {
            var seen = await SeenAsync();
            await Wait.UntilAsync(async () => await SeenAsync() != seen, RunningService.Patience, "the lease is renewed");
        }

        Assert.That(await _database.QueryAsync<long>("select count(*) from twcache.change where born = 0"), Is.EqualTo(10));
        pin.Release();
        await Wait.UntilAsync(async () => await _database.QueryAsync<long>("select count(*) from twcache.change") == 0, RunningService.Patience, "the log is trimmed");
    }

    [Test]
    public async Task Audit_AsTheLeastRole_Succeeds()
    {
        await _database.ApplySchemaAsync();
        await using var role = await TestRole.CreateAsync("twcache_reader");
        await using var service = await RunningService.StartAsync(role.ConnectionStringTo(_database), "--Audit:Interval=0");
        await _database.AddMessagesAsync(10);
        await _database.ExecuteAsync("insert into tweet.activity (messageid, action) values (3, 'rt'); delete from twcache.change where xid = pg_current_xact_id()");

        Assert.That((await service.Client.AuditNowAsync(new AuditNowRequest())).Repaired, Is.EqualTo(1));
    }

    private static Auditor Auditor(RunningService service) => service.Services.GetRequiredService<Auditor>();

    private Task<DateTime> SeenAsync() => _database.QueryAsync<DateTime>("select max(seen_at) from twcache.consumer");

    private Task<bool> IsAskingAsync(string words) =>
        _database.QueryAsync<bool>($"select exists (select from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and query like '%{words}%' and wait_event_type = 'Lock')");

    /// <summary>Keeps audits from the tables.</summary>
    private async Task<Npgsql.NpgsqlConnection> BlockAsync()
    {
        var connection = await _database.OpenAsync();
        await connection.ExecuteAsync("begin; lock table tweet.activity in access exclusive mode");
        return connection;
    }

    /// <summary>
    /// A clock that goes on only when somebody looks at it: by 60 ms, which is what a recount is meant to take, so that ranges keep
    /// their size; and by five seconds more with the last look of each range.
    /// </summary>
    private sealed class SteppingTime : TimeProvider
    {
        /// <summary>An audit looks before and after each of the two questions that it has of a range.</summary>
        public const int LooksPerRange = 4;

        private const int StepMilliseconds = 60;
        private const int LastStepMilliseconds = 5000;

        private long _looks;

        public long Looks => Volatile.Read(ref _looks);

        public override long TimestampFrequency => 1000;

        public override long GetTimestamp()
        {
            var looks = Interlocked.Increment(ref _looks);
            return (looks * StepMilliseconds) + (looks / LooksPerRange * LastStepMilliseconds);
        }
    }
}
