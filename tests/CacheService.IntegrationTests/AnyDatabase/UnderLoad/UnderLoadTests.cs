using System.Globalization;
using CacheService.IntegrationTests.Faults;
using CacheService.IntegrationTests.Infrastructure;
using Grpc.Core;
using Npgsql;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.AnyDatabase.UnderLoad;

/// <summary>Large transactions, large logs, locks held by others: the counts stay young and LIVE. Smaller than in life, unless the environment says otherwise.</summary>
internal sealed class UnderLoadTests
{
    /// <summary>Rows of the bulk insert; 4000000 is the case in life.</summary>
    private const string BulkVariable = "TWCACHE_TEST_BULK_ROWS";

    /// <summary>For how long a table is locked; 60 is the case in life, with the lease of 30 s.</summary>
    private const string LockVariable = "TWCACHE_TEST_LOCK_SECONDS";

    private const string InsertOne = "insert into tweet.activity (messageid, action) values (1 + $1 % 1000, 'rt')";

    [Test]
    public async Task BulkInsert_OpenBesideWriters_LeavesTheCountsYoung()
    {
        const int Statements = 10;
        const int PerSecond = 100;
        var rows = Setting(BulkVariable, 300_000);
        var duration = TimeSpan.FromSeconds(rows > 1_000_000 ? 20 : 4);
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString, "--Feed:StaleAfter=00:01:00");
        await database.AddMessagesAsync(1000);
        await service.AssertEqualsViewAsync(database);

        var before = await SampleBesideWritersAsync(database, service, PerSecond, duration);

        await using var bulk = await database.OpenAsync();
        await bulk.ExecuteAsync("begin");
        for (var n = 0; n < Statements; n++)
        {
            await using var insert = new NpgsqlCommand($"insert into tweet.activity (messageid, action) select 1 + n % 1000, 'fav' from generate_series(1, {rows / Statements}) n", bulk) { CommandTimeout = 600 };
            await insert.ExecuteNonQueryAsync();
        }

        await using var lag = new MachineLag();
        var open = await SampleBesideWritersAsync(database, service, PerSecond, duration);
        await bulk.ExecuteAsync("commit");

        await TestContext.Progress.WriteLineAsync($"{PerSecond} tx/s: age {before}; beside an open insert of {rows} rows: age {open}");
        await service.AssertEqualsViewAsync(database);
        Assert.That(open.P99, Is.LessThan(lag.Allow(TimeSpan.FromMilliseconds(Math.Max(20, 3 * before.P99))).TotalMilliseconds), "the age, in milliseconds; as without the open insert where the machine is slow");
        Assert.That(open.NotLive, Is.Zero);
    }

    [Test]
    public async Task Drain_OfALargeLog_IsShortAndStartsNoWorker()
    {
        const int Rows = 300_000;
        const int Reads = 200;
        await using var server = await PrivateServer.StartAsync(("shared_preload_libraries", "pg_stat_statements"), ("autovacuum", "off"));
        await using var database = await TrialDatabase.CreateAsync(server: server);
        await database.ExecuteAsync("create extension pg_stat_statements");
        await using var service = await RunningService.StartAsync(database.AsCounts);
        // A cache that is behind: the log is kept for it. And rows that were never analyzed.
        await database.ExecuteAsync("select twcache.register('behind', 'behind', 3600)");
        await database.ExecuteAsync($"insert into twcache.change (messageid) select 1 + n % 5 from generate_series(1, {Rows}) n");
        await database.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'rt')");
        // A session that finds it large.
        await database.ExecuteAsync($"select pg_terminate_backend(pid) from pg_stat_activity where usename = '{database.Counts}'");
        await service.WaitForLiveAsync();
        await service.AssertEqualsViewAsync(database);

        await database.ExecuteAsync("select pg_stat_statements_reset()");
        var workers = 0L;
        await using var lag = new MachineLag();
        await using (var looking = await database.OpenAsync())
        {
            for (var n = 0; n < Reads; n++)
            {
                // Else a drain need not read the log.
                await looking.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'rt')");
                await service.Client.GetCountsAsync(new GetCountsRequest { MessageId = 1, Read = new ReadOptions { Strong = true } });
                workers += await looking.QueryAsync<long>("select count(*) from pg_stat_activity where backend_type = 'parallel worker'");
            }
        }

        var (calls, mean, least) = await ReadDrainsAsync(database);
        await TestContext.Progress.WriteLineAsync($"a log of {Rows} rows: {calls} drains in the server, {mean:F2} ms each, {least:F2} ms at least; {workers} workers seen");
        Assert.That(await database.QueryAsync<long>("select count(*) from twcache.change"), Is.GreaterThan(Rows), "nobody has trimmed it");
        Assert.That(calls, Is.GreaterThanOrEqualTo(Reads / 2));
        Assert.That(workers, Is.Zero);
        Assert.That(least, Is.LessThan(1), "milliseconds");
        Assert.That(mean, Is.LessThan(lag.AllowMedian(3)), "milliseconds, on a busy machine");
    }

    [Test]
    public async Task Users_Locked_LeaveTheCountsLive()
    {
        const int Callers = 20;
        var seconds = Setting(LockVariable, 20);
        await using var database = await TrialDatabase.CreateAsync();
        await database.AddMessagesAsync(500);
        // The lease and the age of LIVE counts are over before the lock is, unless something else renews them than what waits for the lock.
        await using var trial = await Trial.StartAsync(database, $"--Feed:LeaseDuration=00:00:{(seconds >= 60 ? 30 : 15):00}", "--Feed:StaleAfter=00:00:12");
        await using var locking = await database.OpenAsync();
        await locking.ExecuteAsync("begin; lock table tweet.users");
        using var stopping = new CancellationTokenSource();
        var next = 0;
        var callers = Enumerable.Range(0, Callers).Select(_ => Task.Run(async () =>
        {
            while (!stopping.IsCancellationRequested)
            {
                try
                {
                    await trial.Service.Client.GetMessageAsync(new GetMessageRequest { MessageId = 1 + Interlocked.Increment(ref next) % 500 }, deadline: DateTime.UtcNow + RunningService.Patience);
                }
                catch (RpcException)
                {
                    // Its text is not to be had now.
                }
            }
        })).ToList();

        var loads = trial.Service.Log.Count("CountsLoaded");
        var ages = await Ages.SampleAsync(trial.Service.Client, TimeSpan.FromSeconds(seconds));
        await trial.RetweetAsync();
        await trial.ExactAsync("a retweet beside the lock", Trial.Mends);
        await locking.ExecuteAsync("rollback");
        await stopping.CancelAsync();
        await Task.WhenAll(callers);

        await TestContext.Progress.WriteLineAsync($"tweet.users locked for {seconds} s, {Callers} GetMessage callers ({next} calls): age {ages}; failed renewals: {trial.Service.Log.Count("LeaseRenewalFailed")}");
        Assert.That(ages.NotLive, Is.Zero, "replies that were not LIVE");
        Assert.That(trial.Service.Log.Count("CountsLoaded"), Is.EqualTo(loads), "nothing was loaded afresh");
        Assert.That((await trial.Service.Client.GetMessageAsync(new GetMessageRequest { MessageId = 1 })).Author, Is.EqualTo("Puck"));
        await trial.FinishAsync();
    }

    [Test]
    public async Task Service_FrozenBeyondItsLeaseWhileAsleep_DoesNotMakeEveryWriterRing()
    {
        const int Transactions = 300;
        await using var database = await TrialDatabase.CreateAsync();
        await using var service = FaultService.StartProcess(database.AsCounts, "--Feed:LeaseDuration=00:00:03", "--Rollup:Interval=0");
        await service.WaitForStateAsync(FeedState.Live);
        await using var bells = await BellCounter.ListenAsync(database);
        await ProcessSignals.FreezeAsync(service.Process!.Id);
        await Wait.UntilAsync(
            () => database.QueryAsync<bool>("select last_value + 1 < extract(epoch from clock_timestamp()) from twcache.lease"), RunningService.Patience, "the lease has lapsed");
        await using var open = await database.OpenAsync();
        await open.ExecuteAsync("begin; insert into tweet.activity (messageid, action) values (1, 'rt')");

        // It goes on, finds its lease gone, and waits for the open transaction before it can load.
        await ProcessSignals.ThawAsync(service.Process!.Id);
        await Wait.UntilAsync(async () => (await service.GetStatusAsync()).Detail.Contains("waiting for", StringComparison.Ordinal), RunningService.Patience, "the service waits for the open transaction");
        await using (var writer = await database.OpenAsync())
        {
            await writer.ExecuteAsync("insert into tweet.activity (messageid, action) values (2, 'fav')");
            var rung = bells.Count;
            for (var n = 0; n < Transactions; n++)
            {
                await writer.ExecuteAsync("insert into tweet.activity (messageid, action) values (2, 'fav')");
            }

            await TestContext.Progress.WriteLineAsync($"{bells.Count - rung} bells for {Transactions} transactions of a service that waits to load");
            Assert.That(bells.Count - rung, Is.LessThan(Transactions / 3));
        }

        await open.ExecuteAsync("commit");
        await service.WaitForStateAsync(FeedState.Live);
        await service.Client.AssertEqualsViewAsync(database);
    }

    [Test]
    public async Task Writer_IdleInItsTransaction_DoesNotKeepAnUnpacedServiceBusy()
    {
        await using var database = await TrialDatabase.CreateAsync();
        await using var trial = await Trial.StartAsync(database, "--Feed:MinDrainInterval=00:00:00");
        await using var idle = await database.OpenAsync();
        await trial.FinishAsync();
        // One that found the cache awake keeps it so; one that found it asleep leaves it so.
        await Wait.UntilAsync(
            async () =>
            {
                await database.ExecuteAsync("insert into tweet.activity (messageid, action) values (2, 'rt')");
                await idle.ExecuteAsync("rollback; begin; insert into tweet.activity (messageid, action) values (1, 'rt')");
                return await idle.QueryAsync<bool>("select exists (select from pg_locks where locktype = 'advisory' and classid = 1951 and objid = 2 and pid = pg_backend_pid())");
            },
            RunningService.Patience,
            "a writer found the cache awake");

        var before = trial.Service.Status.Drains;
        await Pause.ForAsync(TimeSpan.FromSeconds(2));
        var perSecond = (trial.Service.Status.Drains - before) / 2;
        await TestContext.Progress.WriteLineAsync($"{perSecond} drains a second beside an idle writer, with no pause between drains asked for");
        Assert.That(perSecond, Is.LessThan(500));
        await idle.ExecuteAsync("rollback");
    }

    [TestCase("select twcache.register('x', 'y', 2000000000)", TestName = "Lease_AskedForByAReaderForDecades_EndsInAnHour")]
    [TestCase("select twcache.renew('x', pg_current_snapshot(), 2000000000)", TestName = "Renewal_AskedForByAReaderForDecades_EndsInAnHour")]
    public async Task Lease_AskedForForDecades_EndsInAnHour(string sql)
    {
        await using var database = await TrialDatabase.CreateAsync();
        await using (var reader = new NpgsqlConnection(database.AsCounts))
        {
            await reader.OpenAsync();
            await reader.ExecuteAsync(sql);
        }

        Assert.That(await database.QueryAsync<double>("select (last_value - extract(epoch from clock_timestamp()))::float8 from twcache.lease"), Is.LessThan(3700));
        Assert.That(await database.QueryAsync<double>("select coalesce(max(extract(epoch from expires_at - clock_timestamp())), 0)::float8 from twcache.consumer"), Is.LessThan(3700));
    }

    [Test]
    public async Task Lease_LeftFarAheadByAWrongClock_IsBroughtBack()
    {
        await using var database = await TrialDatabase.CreateAsync();
        await database.ExecuteAsync("select setval('twcache.lease', 3786912000)");
        await using var trial = await Trial.StartAsync(database, "--Feed:LeaseDuration=00:00:03");
        await trial.RetweetAsync();
        await trial.ExactAsync("a retweet", Trial.Mends);

        await Wait.UntilAsync(
            () => database.QueryAsync<bool>("select last_value < extract(epoch from clock_timestamp()) + 7300 from twcache.lease"), RunningService.Patience, "the lease is brought back");
        await trial.RetweetAsync();
        await trial.ExactAsync("a retweet", Trial.MendedByHand);
        await trial.FinishAsync();
    }

    [TestCase(1, TestName = "AdvisoryLock_Schema_HeldByAnother_IsHarmless")]
    [TestCase(3, TestName = "AdvisoryLock_Ringer_HeldByAnother_IsHarmless")]
    [TestCase(4, TestName = "AdvisoryLock_Lease_HeldByAnother_IsHarmless")]
    [TestCase(5, TestName = "AdvisoryLock_Trim_HeldByAnother_IsHarmless")]
    public async Task AdvisoryLock_HeldByAnother_IsHarmless(int key)
    {
        await using var database = await TrialDatabase.CreateAsync();
        // Both are over before the samples are.
        await using var trial = await Trial.StartAsync(database, "--Feed:LeaseDuration=00:00:12", "--Feed:StaleAfter=00:00:10");
        await using var other = await database.OpenAsync();
        await other.ExecuteAsync($"set lock_timeout = '20s'; select pg_advisory_lock(1951, {key}) where {key} <> 3; select pg_try_advisory_lock(1951, {key})");

        var ages = await Ages.SampleAsync(trial.Service.Client, TimeSpan.FromSeconds(15));
        await trial.RetweetAsync();
        await trial.ExactAsync("a retweet", Trial.Mends);
        Assert.That(ages.NotLive, Is.Zero, "replies that were not LIVE");
        await trial.FinishAsync();
    }

    /// <summary>Samples while writers write, from after their first commit until before their last: without any, the cache looks at each heartbeat only.</summary>
    private static async Task<Ages> SampleBesideWritersAsync(TestDatabase database, RunningService service, int perSecond, TimeSpan duration)
    {
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var writing = PacedWriter.WriteAsync(
            database,
            perSecond,
            duration + TimeSpan.FromSeconds(1),
            4,
            InsertOne,
            (number, _) =>
            {
                if (number > perSecond / 10)
                {
                    started.TrySetResult();
                }
            });
        await started.Task.WaitAsync(RunningService.Patience);
        var ages = await Ages.SampleAsync(service.Client, duration);
        await writing;
        return ages;
    }

    /// <summary>The statement that reads the log most often, as the server measured it; the mean without the longest, in which the server may have stalled.</summary>
    private static async Task<(long Calls, double Mean, double Least)> ReadDrainsAsync(TrialDatabase database)
    {
        await using var connection = await database.OpenAsync();
        await using var command = new NpgsqlCommand(
            $"select calls, (total_exec_time - max_exec_time) / greatest(calls - 1, 1), min_exec_time, query from pg_stat_statements s join pg_roles r on r.oid = s.userid where rolname = '{database.Counts}' and query like '%twcache.change%' order by calls desc limit 1",
            connection);
        await using var row = await command.ExecuteReaderAsync();
        Assert.That(await row.ReadAsync(), "the server has seen drains");
        return (row.GetInt64(0), row.GetDouble(1), row.GetDouble(2));
    }

    private static int Setting(string name, int otherwise) => int.TryParse(Environment.GetEnvironmentVariable(name), CultureInfo.InvariantCulture, out var given) ? given : otherwise;
}
