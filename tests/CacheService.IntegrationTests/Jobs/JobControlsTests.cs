using System.Diagnostics;
using CacheService.Examples.Jobs;
using CacheService.IntegrationTests.Infrastructure;
using CacheService.Jobs;
using Grpc.Core;
using Npgsql;
using TweetCounts.V1;
using Job = CacheService.Jobs.Job;
using JobRun = CacheService.Jobs.JobRun;

namespace CacheService.IntegrationTests.Jobs;

/// <summary>What people do with jobs, on two services of one database; what is asked of the one holds for the other.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class JobControlsTests
{
    private const long Lock = 4711;

    // On a machine that is five times slower. What a quiet one needs is printed.
    private static readonly TimeSpan AtOnce = TimeSpan.FromSeconds(5);

    private readonly TaskCompletionSource _looping = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TestDatabase _database = null!;
    private RunningService _one = null!;
    private RunningService _other = null!;
    private volatile bool _leaveLoop;
    private volatile bool _isMended;

    [OneTimeSetUp]
    public async Task StartServices()
    {
        _database = await TestDatabase.CreateAsync();
        Job[] jobs =
        [
            new ScriptedJob("count-to-three", CountToThreeAsync),
            new ScriptedJob("heeding", run => Task.Delay(Timeout.Infinite, run.Stopping)),
            new ScriptedJob("endless-loop", EndlessLoop),
            new ScriptedJob("waits-for-a-lock", WaitForLockAsync),
            new ScriptedJob("with-cursor", WithCursorAsync),
            new ScriptedJob("welcome-users", _ => throw new NotImplementedException("not yet implemented")),
            new ScriptedJob("some-fail", SomeFailAsync) { Retry = (run, key) => run.ItemAsync(key, batch => DoItemAsync(batch, key)) },
            new ScriptedJob("half-a-batch", HalfABatchAsync),
            new ScriptedJob("brief", BriefAsync),
        ];
        _one = await JobsHost.StartAsync(_database.ConnectionString, jobs);
        _other = await JobsHost.StartAsync(_database.ConnectionString, jobs);
        await _database.ExecuteAsync("create table public.done (n int)");
    }

    [OneTimeTearDown]
    public async Task StopServices()
    {
        _leaveLoop = true;
        await _one.DisposeAsync();
        await _other.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Test]
    public async Task Start_AJob_RunsItAndKeepsWhatItReports()
    {
        var run = await _other.WaitForEndAsync(await _one.StartJobAsync("count-to-three", ("word", "three")));
        Assert.That(run.Run.State, Is.EqualTo(JobRunState.Succeeded));
        Assert.That(run.Run.Numbers, Is.EquivalentTo(new Dictionary<string, long> { ["rows"] = 3 }));
        Assert.That(run.Log.Select(line => line.Text), Is.EqualTo(new[] { "three", "one", "two", "three" }));
        Assert.That(run.Items.Select(item => (item.Key, item.Before, item.After)), Is.EqualTo(new[] { ("1", "", """{"n": 1}"""), ("2", """{"n": 1}""", """{"n": 2}"""), ("3", """{"n": 2}""", """{"n": 3}""") }));
        Assert.That(run.Outputs, Is.EqualTo(new[] { "report.txt" }));
        Assert.That((await _other.Jobs().GetOutputAsync(new GetOutputRequest { RunId = run.Run.Id, Name = "report.txt" })).Content, Is.EqualTo("three rows\n"));
        Assert.That(run.Run.EndedAt.ToDateTime(), Is.GreaterThanOrEqualTo(run.Run.StartedAt.ToDateTime()));
        var action = (await _other.Jobs().ListActionsAsync(new ListActionsRequest { Job = "count-to-three" })).Actions[0];
        Assert.That((action.What, action.Run, action.Who), Is.EqualTo(("start", run.Run.Id, run.Run.AskedBy)));
    }

    [TestCase("heeding", false, false)]
    [TestCase("heeding", true, true)]
    [TestCase("waits-for-a-lock", false, true)]
    [TestCase("waits-for-a-lock", true, false)]
    public async Task StopOrCancel_ARun_EndsItAtOnceWhateverItDoes(string job, bool cancels, bool byTheOther)
    {
        await using var locker = await _database.OpenAsync();
        await locker.ExecuteAsync($"select pg_advisory_lock({Lock})");
        var id = await _one.StartJobAsync(job);
        await WaitUntilAtWorkAsync(job);
        var run = await EndAsync(byTheOther ? _other : _one, id, cancels);
        Assert.That(run.State, Is.EqualTo(cancels ? JobRunState.Cancelled : JobRunState.Stopped), run.Detail);
        await AssertFreeAsync(job);
        // The connection goes back to its pool with its lock.
        await locker.ExecuteAsync("select pg_advisory_unlock_all()");
    }

    [Test]
    public async Task Stop_AnEndlessLoop_AbandonsItAndTheJobCanRunAgain([Values] bool byTheOther)
    {
        _leaveLoop = false;
        _one.ExpectsErrors = _other.ExpectsErrors = true;
        var id = await _one.StartJobAsync("endless-loop");
        await _looping.Task.WaitAsync(JobsHost.Patience);
        var run = await EndAsync(byTheOther ? _other : _one, id, cancels: true);
        Assert.That(run.State, Is.EqualTo(JobRunState.Cancelled));
        Assert.That(run.Detail, Does.Contain("abandoned"));
        await AssertFreeAsync("endless-loop");
        await Wait.UntilAsync(() => _one.Log.Has("JobAbandoned"), JobsHost.Patience, "the log says so");
        _leaveLoop = true;
        await Wait.UntilAsync(() => _one.Log.Count("JobRunLost") > 0, JobsHost.Patience, "it was told, and has ended");
    }

    [Test]
    public async Task Cancel_ARunThatJustEnds_IsOneOrTheOther()
    {
        var seen = new Dictionary<JobRunState, int>();
        for (var i = 0; i < 20; i++)
        {
            var id = await _one.StartJobAsync("brief");
            // Before, while and after it does its work.
            await Pause.ForAsync(TimeSpan.FromMilliseconds(i + 1));
            try
            {
                await (i % 2 == 0 ? _one : _other).Jobs().CancelRunAsync(new StopRunRequest { Id = id });
            }
            catch (RpcException e) when (e.StatusCode == StatusCode.FailedPrecondition)
            {
                // It had ended.
            }

            var run = await _one.WaitForEndAsync(id);
            seen[run.Run.State] = seen.GetValueOrDefault(run.Run.State) + 1;
            Assert.That(run.Run.State, Is.EqualTo(run.Run.Numbers.ContainsKey("done") ? run.Run.State : JobRunState.Cancelled), "what has not done its work was cancelled");
        }

        await TestContext.Progress.WriteLineAsync($"20 runs that were cancelled as they ended: {string.Join(", ", seen)}");
        Assert.That(seen.Keys, Is.SubsetOf(new[] { JobRunState.Succeeded, JobRunState.Cancelled }));
        await AssertFreeAsync("brief");
    }

    [Test]
    public async Task Resume_AStoppedRun_GoesOnFromItsCursor()
    {
        var id = await _one.StartJobAsync("with-cursor");
        await Wait.UntilAsync(async () => (await _one.GetRunAsync(id)).Run.Cursor == "2", JobsHost.Patience, "it has done two");
        var stopped = (await _other.Jobs().StopRunAsync(new StopRunRequest { Id = id, Reason = "lunch" })).Run;
        Assert.That((stopped.State, stopped.Cursor), Is.EqualTo((JobRunState.Stopped, "2")));
        Assert.That(stopped.Detail, Does.Contain("lunch"));

        var resumed = await _one.WaitForEndAsync((await _other.Jobs().ResumeRunAsync(new ResumeRunRequest { Id = id })).Run.Id);
        Assert.That((resumed.Run.State, resumed.Run.OfRun, resumed.Run.Numbers["rows"]), Is.EqualTo((JobRunState.Succeeded, id, 4L)), "numbers go on");
        Assert.That(await _database.QueryAsync<string>("select string_agg(n::text, ' ' order by ctid) from public.done where n > 100"), Is.EqualTo("101 102 103 104"));
        var again = await JobsHost.RefusalAsync(() => _one.Jobs().ResumeRunAsync(new ResumeRunRequest { Id = id }).ResponseAsync);
        Assert.That(again.Detail, Does.Contain($"by run {resumed.Run.Id}"));
        Assert.That(again.StatusCode, Is.EqualTo(StatusCode.FailedPrecondition));
        await _database.ExecuteAsync("delete from public.done where n > 100");

        var restarted = await _one.StartJobAsync("heeding");
        var cancelled = (await _one.Jobs().CancelRunAsync(new StopRunRequest { Id = restarted })).Run;
        Assert.That((await JobsHost.RefusalAsync(() => _one.Jobs().ResumeRunAsync(new ResumeRunRequest { Id = cancelled.Id }).ResponseAsync)).Detail, Does.Contain("cannot be resumed"));
    }

    [Test]
    public async Task Restart_ARunThatIsUnderWay_CancelsItAndBeginsAnew()
    {
        var id = await _one.StartJobAsync("heeding", ("word", "again"));
        var restarted = (await _other.Jobs().RestartRunAsync(new RestartRunRequest { Id = id })).Run;
        Assert.That((await _one.GetRunAsync(id)).Run.State, Is.EqualTo(JobRunState.Cancelled));
        Assert.That((restarted.OfRun, restarted.Parameters["word"], restarted.State), Is.EqualTo((id, "again", JobRunState.Running)));
        await _one.Jobs().CancelRunAsync(new StopRunRequest { Id = restarted.Id });
    }

    [Test]
    public async Task Start_WhatRuns_IsRefusedAndEnteredAsSkipped()
    {
        var id = await _one.StartJobAsync("heeding");
        var refused = await JobsHost.RefusalAsync(() => _other.StartJobAsync("heeding"));
        Assert.That(refused.StatusCode, Is.EqualTo(StatusCode.FailedPrecondition));
        Assert.That(refused.Detail, Does.Contain($"run {id}"));
        var skipped = (await _one.Jobs().ListRunsAsync(new ListRunsRequest { Job = "heeding", State = JobRunState.Skipped })).Runs[0];
        Assert.That(skipped.Detail, Does.Contain($"run {id} was still running"));
        await _one.Jobs().CancelRunAsync(new StopRunRequest { Id = id });
    }

    [Test]
    public async Task Pause_AJob_LetsNothingStartUntilItIsUnpaused()
    {
        var paused = (await _one.Jobs().PauseJobAsync(new PauseJobRequest { Job = "count-to-three", Reason = "holidays" })).Job;
        Assert.That((paused.PausedWhy, paused.PausedAt is null), Is.EqualTo(("holidays", false)));
        var refused = await JobsHost.RefusalAsync(() => _other.StartJobAsync("count-to-three"));
        Assert.That(refused.Detail, Does.Contain("holidays").And.Contain("unpause"));
        Assert.That((await JobsHost.RefusalAsync(() => _other.Jobs().PauseJobAsync(new PauseJobRequest { Job = "count-to-three" }).ResponseAsync)).StatusCode, Is.EqualTo(StatusCode.FailedPrecondition));
        await _other.Jobs().UnpauseJobAsync(new UnpauseJobRequest { Job = "count-to-three" });
        await _one.WaitForEndAsync(await _one.StartJobAsync("count-to-three"));
        Assert.That((await _one.Jobs().ListActionsAsync(new ListActionsRequest { Job = "count-to-three" })).Actions.Select(action => action.What), Does.Contain("pause").And.Contain("unpause"));
    }

    [Test]
    public async Task Start_WithAKeyManyTimesAtOnce_IsOneRun()
    {
        var request = new StartJobRequest { Job = "count-to-three", IdempotencyKey = "2026-11-29" };
        var runs = await Task.WhenAll(Enumerable.Range(0, 8).Select(async i => (await (i % 2 == 0 ? _one : _other).Jobs().StartJobAsync(request)).Run.Id));
        Assert.That(runs.Distinct().ToList(), Has.Count.EqualTo(1));
        await _one.WaitForEndAsync(runs[0]);
        Assert.That((await _other.Jobs().StartJobAsync(request)).Run.Id, Is.EqualTo(runs[0]), "and after its end");
        var other = await JobsHost.RefusalAsync(() => _one.Jobs().StartJobAsync(new StartJobRequest { Job = "count-to-three", IdempotencyKey = "2026-11-29", DryRun = true }).ResponseAsync);
        Assert.That(other.StatusCode, Is.EqualTo(StatusCode.InvalidArgument));
    }

    [Test]
    public async Task Job_ThatIsNotYetImplemented_FailsIsMendedAndRestarted()
    {
        var failed = await _one.WaitForEndAsync(await _one.StartJobAsync("welcome-users"));
        Assert.That((failed.Run.State, failed.Run.Detail), Is.EqualTo((JobRunState.Failed, "not yet implemented")));
        Assert.That(failed.Log.Single().Text, Does.Contain(nameof(NotImplementedException)).And.Contain(nameof(JobControlsTests)), "with its stack trace");

        // As after a deploy.
        await _database.ExecuteAsync("insert into tweet.users (uname) values ('Hermia'), ('Lysander')");
        await using var mended = await JobsHost.StartAsync(_database.ConnectionString, [new WelcomeUsers()]);
        var run = await mended.WaitForEndAsync((await mended.Jobs().RestartRunAsync(new RestartRunRequest { Id = failed.Run.Id })).Run.Id);
        Assert.That((run.Run.State, run.Run.OfRun, run.Run.Numbers["welcomed_users"]), Is.EqualTo((JobRunState.Succeeded, failed.Run.Id, 2L)));
        Assert.That(await _database.QueryAsync<string>("select string_agg(message, '; ' order by messageid) from tweet.message"), Is.EqualTo("Hello, I am Hermia; Hello, I am Lysander"));
    }

    [Test]
    public async Task Items_ThatFail_AreTriedAgainOrIgnored()
    {
        _isMended = false;
        var run = await _one.WaitForEndAsync(await _one.StartJobAsync("some-fail"));
        Assert.That((run.Run.State, run.FailedItems, run.AllItems), Is.EqualTo((JobRunState.Incomplete, 2L, 3L)));
        Assert.That(run.Items.Where(item => item.State == JobItemState.Failed).Select(item => (item.Key, item.Error)), Is.EqualTo(new[] { ("b", "b is broken"), ("c", "c is broken") }));

        _isMended = true;
        var retry = await _one.WaitForEndAsync((await _other.Jobs().RetryItemsAsync(new RetryItemsRequest { RunId = run.Run.Id, Keys = { "b" } })).Run.Id);
        Assert.That(retry.Run.State, Is.EqualTo(JobRunState.Succeeded));
        var after = await _one.GetRunAsync(run.Run.Id);
        Assert.That(after.Items.Select(item => (item.Key, item.State, item.Attempts)), Is.EqualTo(new[] { ("c", JobItemState.Failed, 1), ("a", JobItemState.Done, 1), ("b", JobItemState.Done, 2) }));
        Assert.That((await _one.Jobs().IgnoreItemsAsync(new IgnoreItemsRequest { RunId = run.Run.Id, Keys = { "c" } })).Ignored, Is.EqualTo(1));
        Assert.That((await JobsHost.RefusalAsync(() => _one.Jobs().RetryItemsAsync(new RetryItemsRequest { RunId = run.Run.Id }).ResponseAsync)).Detail, Does.Contain("no failed items"));
    }

    [Test]
    public async Task Batch_ThatFails_HasDoneAndReportedNothing()
    {
        var run = await _one.WaitForEndAsync(await _one.StartJobAsync("half-a-batch"));
        Assert.That((run.Run.State, run.Run.Numbers.Count, run.AllItems, run.Run.Cursor), Is.EqualTo((JobRunState.Failed, 0, 0L, "")));
        Assert.That(run.Run.Detail, Does.Contain("division by zero"));
        Assert.That(await _database.QueryAsync<long>("select count(*) from public.done where n = 50"), Is.Zero);
    }

    [TestCase("nobody", "NotFound")]
    [TestCase("", "NotFound")]
    [TestCase("no\0body", "InvalidArgument")]
    public async Task Start_WhatIsNot_IsRefused(string job, string code) =>
        Assert.That((await JobsHost.RefusalAsync(() => _one.StartJobAsync(job))).StatusCode.ToString(), Is.EqualTo(code));

    [Test]
    public async Task Start_WithAParameterThatIsNot_IsRefused() =>
        Assert.That((await JobsHost.RefusalAsync(() => _one.StartJobAsync("heeding", ("colour", "blue")))).Detail, Does.Contain("no parameter 'colour'; it has word"));

    [TestCase("soon", "UTC", "is no schedule")]
    [TestCase("0 0 30 2 *", "UTC", "never comes")]
    [TestCase("* * * * *", "Europe/Elsinore", "no time zone")]
    public async Task Schedule_WhatIsNone_IsRefused(string cron, string zone, string words)
    {
        var refused = await JobsHost.RefusalAsync(() => _one.Jobs().ScheduleJobAsync(new ScheduleJobRequest { Job = "heeding", Schedule = cron, TimeZone = zone }).ResponseAsync);
        Assert.That(refused.StatusCode, Is.EqualTo(StatusCode.InvalidArgument));
        Assert.That(refused.Detail, Does.Contain(words));
    }

    [Test]
    public async Task SessionOfARun_ThatEnds_LosesItAndItIsResumedFromItsCursor()
    {
        var id = await _one.StartJobAsync("with-cursor");
        await Wait.UntilAsync(async () => (await _one.GetRunAsync(id)).Run.Cursor == "2", JobsHost.Patience, "it has done two");
        await _database.ExecuteAsync($"select pg_terminate_backend(backend) from twjobs.run where runid = {id}");
        var resumed = await _other.WaitForFollowerAsync(id);
        Assert.That((resumed.Run.State, resumed.Run.Trigger, resumed.Run.Numbers["rows"]), Is.EqualTo((JobRunState.Succeeded, "resume", 4L)));
        Assert.That((await _one.GetRunAsync(id)).Run.State, Is.EqualTo(JobRunState.Lost));
        Assert.That(await _database.QueryAsync<string>("select string_agg(n::text, ' ' order by ctid) from public.done where n > 100"), Is.EqualTo("101 102 103 104"), "each once");
        await _database.ExecuteAsync("delete from public.done where n > 100");
    }

    private static async Task<TweetCounts.V1.JobRun> EndAsync(RunningService service, long id, bool cancels)
    {
        await using var lag = new MachineLag();
        var started = Stopwatch.GetTimestamp();
        var run = cancels ? (await service.Jobs().CancelRunAsync(new StopRunRequest { Id = id })).Run : (await service.Jobs().StopRunAsync(new StopRunRequest { Id = id })).Run;
        var took = Stopwatch.GetElapsedTime(started);
        await TestContext.Progress.WriteLineAsync($"{run.Job} is {run.State} after {took.TotalMilliseconds:F0} ms ({run.Detail})");
        Assert.That(took, Is.LessThan(lag.Allow(AtOnce)));
        return run;
    }

    private async Task AssertFreeAsync(string job)
    {
        await Wait.UntilAsync(
            async () => await _database.QueryAsync<long>($"select count(*) from pg_locks l join twjobs.job j on j.jobid = l.objid::bigint where l.classid = 1952 and j.name = '{job}' and l.database = (select oid from pg_database where datname = current_database())") == 0,
            JobsHost.Patience, "its lock is free");
    }

    private async Task WaitUntilAtWorkAsync(string job)
    {
        if (job == "waits-for-a-lock")
        {
            await Wait.UntilAsync(async () => await _database.QueryAsync<bool>($"select exists (select from pg_locks where locktype = 'advisory' and objid = {Lock} and not granted)"), JobsHost.Patience, "it waits");
        }
    }

    private static async Task CountToThreeAsync(JobRun run)
    {
        run.Log(run.Parameter("word"));
        foreach (var (n, word) in new[] { (1, "one"), (2, "two"), (3, "three") })
        {
            await run.BatchAsync(batch =>
            {
                batch.Count("rows");
                batch.Done($"{n}", n == 1 ? null : new { n = n - 1 }, new { n });
                batch.Output("report.txt", "text/plain", $"{word} rows\n");
                return Task.CompletedTask;
            });
            run.Log(word);
        }
    }

    private Task EndlessLoop(JobRun run)
    {
        _looping.TrySetResult();
        while (!_leaveLoop)
        {
            Thread.SpinWait(1_000);
        }

        return run.BatchAsync(_ => throw new InvalidOperationException("nothing may happen any more"));
    }

    // It heeds nothing by itself.
    private static Task WaitForLockAsync(JobRun run) => run.BatchAsync(async batch =>
    {
        await using var wait = batch.Command($"select pg_advisory_xact_lock({Lock})");
        await wait.ExecuteNonQueryAsync(CancellationToken.None);
    });

    /// <summary>Four steps, of which the third waits in its first run.</summary>
    private static async Task WithCursorAsync(JobRun run)
    {
        var isFirst = run.Cursor is null;
        for (var step = int.Parse(run.Cursor ?? "0") + 1; step <= 4; step++)
        {
            if (isFirst && step == 3)
            {
                await Task.Delay(Timeout.Infinite, run.Stopping);
            }

            var n = step;
            await run.BatchAsync(async batch =>
            {
                await using var insert = batch.Command("insert into public.done values ($1)", new NpgsqlParameter<int> { TypedValue = 100 + n });
                await insert.ExecuteNonQueryAsync(run.Stopping);
                batch.Count("rows");
                batch.Cursor = $"{n}";
            });
        }
    }

    private async Task SomeFailAsync(JobRun run)
    {
        foreach (var key in new[] { "a", "b", "c" })
        {
            await run.ItemAsync(key, batch => DoItemAsync(batch, key));
        }
    }

    private Task DoItemAsync(JobBatch batch, string key)
    {
        batch.Done(key, after: new { key });
        return key == "a" || _isMended ? Task.CompletedTask : throw new JobFailedException($"{key} is broken");
    }

    private static async Task BriefAsync(JobRun run)
    {
        await Task.Delay(TimeSpan.FromMilliseconds(25), run.Stopping);
        await run.BatchAsync(batch =>
        {
            batch.Count("done");
            return Task.CompletedTask;
        });
    }

    private static Task HalfABatchAsync(JobRun run) => run.BatchAsync(async batch =>
    {
        batch.Count("rows");
        batch.Done("1");
        batch.Cursor = "1";
        await using var insert = batch.Command("insert into public.done values (50); select 1 / 0");
        await insert.ExecuteNonQueryAsync(run.Stopping);
    });
}
