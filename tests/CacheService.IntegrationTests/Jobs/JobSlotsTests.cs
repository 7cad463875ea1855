using CacheService.IntegrationTests.Infrastructure;
using CacheService.Jobs;
using Grpc.Core;
using Npgsql;
using TweetCounts.V1;
using Job = CacheService.Jobs.Job;
using JobRun = CacheService.Jobs.JobRun;

namespace CacheService.IntegrationTests.Jobs;

/// <summary>Which slots are run, by several services, and what becomes of the others.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class JobSlotsTests
{
    private const string EverySecond = "* * * * * *";

    private TestDatabase _database = null!;

    [SetUp]
    public async Task CreateDatabase() => _database = await TestDatabase.CreateAsync();

    [TearDown]
    public async Task DropDatabase() => await _database.DisposeAsync();

    [Test]
    public async Task Slots_OfThreeServices_AreRunOnceEach()
    {
        Job[] jobs = [new ScriptedJob("tick", run => run.BatchAsync(batch => InsertAsync(batch, run)))];
        await using var one = await JobsHost.StartAsync(_database.ConnectionString, jobs);
        await using var two = await JobsHost.StartAsync(_database.ConnectionString, jobs);
        await using var three = await JobsHost.StartAsync(_database.ConnectionString, jobs);
        await _database.ExecuteAsync("create table public.tick (slot timestamptz, service text)");
        await one.Jobs().ScheduleJobAsync(new ScheduleJobRequest { Job = "tick", Schedule = EverySecond });
        await Wait.UntilAsync(async () => await _database.QueryAsync<long>("select count(*) from public.tick") >= 4, JobsHost.Patience, "some slots are run");
        await two.Jobs().ScheduleJobAsync(new ScheduleJobRequest { Job = "tick", Schedule = "" });
        await Wait.UntilAsync(async () => await _database.QueryAsync<long>("select count(*) from twjobs.run where state = 'running'") == 0, JobsHost.Patience, "all have ended");

        Assert.That(await SlotLedger.FaultsAsync(_database, "tick"), Is.Empty);
        Assert.That(
            await _database.QueryAsync<long>("select count(*) from public.tick") - await SucceededAsync(), Is.Zero, "what was done is what was entered");
    }

    /// <summary>Runs of the tests' own jobs: the service has one of its own, every five minutes.</summary>
    private Task<long> SucceededAsync() => _database.QueryAsync<long>("select count(*) from twjobs.run join twjobs.job using (jobid) where state = 'succeeded' and name <> 'refresh-mat-views'");

    [Test]
    public async Task Slots_ThatComeWhileTheJobRuns_AreSkippedAndSaySo()
    {
        var leave = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var service = await JobsHost.StartAsync(_database.ConnectionString, [new ScriptedJob("slow", run => leave.Task.WaitAsync(run.Stopping))]);
        await service.Jobs().ScheduleJobAsync(new ScheduleJobRequest { Job = "slow", Schedule = EverySecond });
        await Wait.UntilAsync(async () => await _database.QueryAsync<long>("select coalesce(sum(slots), 0)::bigint from twjobs.run where state = 'skipped'") >= 2, JobsHost.Patience, "two are skipped");
        leave.SetResult();
        await Wait.UntilAsync(() => service.Log.Has("JobTooLong"), JobsHost.Patience, "the log says that it takes too long");
        await service.Jobs().ScheduleJobAsync(new ScheduleJobRequest { Job = "slow", Schedule = "" });
        var skipped = (await service.Jobs().ListRunsAsync(new ListRunsRequest { Job = "slow", State = JobRunState.Skipped })).Runs;
        Assert.That(skipped.Select(run => run.Detail), Has.Some.Match("^run [0-9]+ was still running$"));
        Assert.That(await SlotLedger.FaultsAsync(_database, "slow"), Is.Empty);
    }

    [TestCase(MisfireRule.Latest, 1, 4)]
    [TestCase(MisfireRule.All, 5, 0)]
    [TestCase(MisfireRule.Skip, 0, 5)]
    public async Task Slots_OversleptByTheMachine_AreDealtWithByTheRule(MisfireRule rule, int run, int skipped)
    {
        await using var service = await JobsHost.StartAsync(_database.ConnectionString, [new ScriptedJob("hourly", _ => Task.CompletedTask)]);
        // Due at a minute that is not now, so that the last slot is late too.
        var minute = await _database.QueryAsync<int>("select extract(minute from clock_timestamp() - interval '10 minutes')::int");
        await service.Jobs().ScheduleJobAsync(new ScheduleJobRequest { Job = "hourly", Schedule = $"{minute} * * * *", Misfire = rule });
        await _database.ExecuteAsync("update twjobs.job set slots_until = slots_until - interval '5 hours' where name = 'hourly'");
        await Wait.UntilAsync(
            async () => await _database.QueryAsync<long>("select coalesce(sum(slots), 0)::bigint from twjobs.run join twjobs.job using (jobid) where state <> 'running' and name = 'hourly'") == 5, JobsHost.Patience, "five slots are dealt with");
        Assert.That(await SucceededAsync(), Is.EqualTo(run));
        Assert.That(await _database.QueryAsync<long>("select coalesce(sum(slots), 0)::bigint from twjobs.run join twjobs.job using (jobid) where state = 'skipped' and name = 'hourly'"), Is.EqualTo(skipped));
        Assert.That(await SlotLedger.FaultsAsync(_database, "hourly", TimeSpan.FromHours(1)), Is.Empty);
    }

    [Test]
    public async Task Slots_OfAPausedJob_AreSkippedWithItsReason()
    {
        await using var service = await JobsHost.StartAsync(_database.ConnectionString, [new ScriptedJob("tick", _ => Task.CompletedTask)]);
        await service.Jobs().ScheduleJobAsync(new ScheduleJobRequest { Job = "tick", Schedule = EverySecond });
        await service.Jobs().PauseJobAsync(new PauseJobRequest { Job = "tick", Reason = "release" });
        await Wait.UntilAsync(async () => await _database.QueryAsync<bool>("select exists (select from twjobs.run where state = 'skipped' and detail like 'paused by %: release')"), JobsHost.Patience, "a slot is skipped");
        await service.Jobs().UnpauseJobAsync(new UnpauseJobRequest { Job = "tick" });
        await Wait.UntilAsync(async () => await _database.QueryAsync<bool>("select exists (select from twjobs.run where state = 'succeeded' and runid > (select max(runid) from twjobs.run where state = 'skipped'))"), JobsHost.Patience, "it runs again");
        await service.Jobs().ScheduleJobAsync(new ScheduleJobRequest { Job = "tick", Schedule = "" });
        Assert.That(await SlotLedger.FaultsAsync(_database, "tick"), Is.Empty);
    }

    [Test]
    public async Task Schedule_ChangedWhileSlotsAreDue_SkipsThemAndSaysSo()
    {
        await using var service = await JobsHost.StartAsync(
            _database.ConnectionString, [new ScriptedJob("tick", _ => Task.CompletedTask), new ScriptedJob("waiting", run => Task.Delay(Timeout.Infinite, run.Stopping))], "--Jobs:MaxRuns=1");
        var waiting = await service.StartJobAsync("waiting");
        var refused = await JobsHost.RefusalAsync(() => service.StartJobAsync("tick"));
        Assert.That((refused.StatusCode, refused.Detail.Contains("Jobs:MaxRuns")), Is.EqualTo((StatusCode.ResourceExhausted, true)));

        // Nobody is free to run what is due.
        await service.Jobs().ScheduleJobAsync(new ScheduleJobRequest { Job = "tick", Schedule = EverySecond });
        await Wait.UntilAsync(async () => await _database.QueryAsync<bool>("select slots_until < clock_timestamp() - interval '2 seconds' from twjobs.job where name = 'tick'"), JobsHost.Patience, "two slots are due");
        await service.Jobs().ScheduleJobAsync(new ScheduleJobRequest { Job = "tick", Schedule = "0 0 1 1 *" });
        var skipped = (await service.Jobs().ListRunsAsync(new ListRunsRequest { Job = "tick" })).Runs.Single();
        Assert.That((skipped.State, skipped.Detail, skipped.Slots >= 2), Is.EqualTo((JobRunState.Skipped, "the schedule was changed", true)));
        Assert.That(await SlotLedger.FaultsAsync(_database, "tick"), Is.Empty);
        await service.Jobs().CancelRunAsync(new StopRunRequest { Id = waiting });
    }

    [Test]
    public async Task RunOfAFrozenService_IsTakenOverAndTheFrozenOneDoesNothingMore()
    {
        await _database.ApplySchemaAsync();
        await _database.ExecuteAsync(
            """
            insert into tweet.users (uname) values ('Puck');
            insert into tweet.message (userid, message, datetime) select userid, 'old', '2018-01-01' from tweet.users, generate_series(1, 2000)
            """);
        await using var frozen = ServiceProcess.Start($"--ConnectionStrings:Postgres={_database.ConnectionString}", "--Jobs:Enabled=true", "--Jobs:LostAfter=00:00:05", "--Feed:LeaseDuration=00:01:00");
        await Wait.UntilAsync(async () => await _database.QueryAsync<bool>("select exists (select from twjobs.job where name = 'expire-messages')"), JobsHost.Patience, "it runs jobs");
        // With pauses a hundred times as long as its batches it is frozen on its way; it cannot be held there, because it passes over
        // what is locked.
        await _database.ExecuteAsync(
            """
            update twjobs.job set schedule = '* * * * * *', misfire = 'skip', slots_until = clock_timestamp(), parameters = '{"older_than": "1 year", "max_batch": "20", "max_load": "0.01"}' where name = 'expire-messages'
            """);
        await Wait.UntilAsync(async () => await _database.QueryAsync<bool>("select exists (select from twjobs.run where state = 'running' and (numbers ->> 'deleted_messages')::int > 0)"), JobsHost.Patience, "it deletes");
        await _database.ExecuteAsync("update twjobs.job set schedule = null where name = 'expire-messages'");
        await ProcessSignals.FreezeAsync(frozen.Id);
        // Whoever takes over need not be slow.
        await _database.ExecuteAsync("""update twjobs.job set parameters = '{"older_than": "1 year", "max_load": "1"}' where name = 'expire-messages'""");

        await using var other = await JobsHost.StartAsync(_database.ConnectionString, [], "--Jobs:LostAfter=00:00:05", "--Feed:LeaseDuration=00:01:00");
        var id = await _database.QueryAsync<long>("select runid from twjobs.run where trigger = 'schedule' and state in ('running', 'lost')");
        var resumed = await other.WaitForFollowerAsync(id);
        Assert.That((resumed.Run.State, resumed.Run.Trigger, resumed.Run.Numbers["deleted_messages"]), Is.EqualTo((JobRunState.Succeeded, "resume", 2000L)), "each once, by the one or the other");
        Assert.That(other.Log.Has("JobTakenOver"));

        await ProcessSignals.ThawAsync(frozen.Id);
        await Wait.UntilAsync(() => frozen.Output.Contains($"run {id} has lost its session", StringComparison.Ordinal), JobsHost.Patience, "it is told");
        Assert.That(await _database.QueryAsync<long>("select count(*) from tweet.message"), Is.Zero);
        Assert.That((await other.GetRunAsync(id)).Run.State, Is.EqualTo(JobRunState.Lost));
    }

    [Test]
    public async Task Run_ThatItsServiceDiesOf_IsNotResumedForEver()
    {
        // As if its service died each time: its session ends before it has done anything.
        await using var service = await JobsHost.StartAsync(_database.ConnectionString, [new ScriptedJob("deadly", run => run.BatchAsync(async batch =>
        {
            await using var end = batch.Command("select pg_terminate_backend(pg_backend_pid())");
            await end.ExecuteNonQueryAsync(run.Stopping);
        }))]);
        await service.StartJobAsync("deadly");
        await Wait.UntilAsync(async () => await _database.QueryAsync<long>("select count(*) from twjobs.run where state = 'lost'") == JobClaims.MostLosses, JobsHost.Patience, "it is tried three times");
        Assert.That(await _database.QueryAsync<bool>("select bool_or(wants_resume) from twjobs.run"), Is.False);
        Assert.That(await _database.QueryAsync<string>("select detail from twjobs.run order by runid desc limit 1"), Does.Contain("not resumed any more"));
    }

    [Test]
    public async Task OldRuns_AreDeletedButTheLatest()
    {
        await using var service = await JobsHost.StartAsync(_database.ConnectionString, [new ScriptedJob("tick", _ => Task.CompletedTask)]);
        for (var i = 0; i < 3; i++)
        {
            await service.WaitForEndAsync(await service.StartJobAsync("tick"));
        }

        await _database.ExecuteAsync("update twjobs.run set ended_at = ended_at - interval '100 days'; update twjobs.action set at = at - interval '100 days'");
        var store = Microsoft.Extensions.DependencyInjection.ServiceProviderServiceExtensions.GetRequiredService<JobStore>(service.Services);
        Assert.That(await store.SweepAsync(TimeSpan.FromDays(90), 10_000, CancellationToken.None), Is.False);
        Assert.That(await _database.QueryAsync<long>("select count(*) from twjobs.run"), Is.EqualTo(1));
        Assert.That(await _database.QueryAsync<long>("select count(*) from twjobs.action"), Is.Zero);
    }

    private static async Task InsertAsync(JobBatch batch, JobRun run)
    {
        await using var insert = batch.Command("insert into public.tick values ($1, current_setting('application_name'))", new NpgsqlParameter<DateTimeOffset> { TypedValue = run.DueAt });
        await insert.ExecuteNonQueryAsync(run.Stopping);
    }
}
