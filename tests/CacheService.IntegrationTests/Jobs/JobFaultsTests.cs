using CacheService.IntegrationTests.Faults;
using CacheService.IntegrationTests.Infrastructure;
using CacheService.Jobs;
using Npgsql;
using TweetCounts.V1;
using JobRun = CacheService.Jobs.JobRun;

namespace CacheService.IntegrationTests.Jobs;

/// <summary>A run is in the middle of a batch when its network or its server goes: it is resumed where it was, and each step is done once.</summary>
// They pass their time waiting.
[Parallelizable(ParallelScope.All)]
internal sealed class JobFaultsTests
{
    private const int Steps = 10;
    private const int BrokenStep = 4;

    private static readonly string[] SoonLost = ["--Jobs:LostAfter=00:00:05", "--Feed:DrainTimeout=00:00:02"];

    [TestCase(NetworkFault.Refuses)]
    [TestCase(NetworkFault.SwallowsBoth)]
    public async Task NetworkCutInMidRun_IsTakenOverByAnotherService(NetworkFault fault)
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var proxy = new SwallowingProxy(new NpgsqlConnectionStringBuilder(database.ConnectionString).Port);
        var throughProxy = new NpgsqlConnectionStringBuilder(database.ConnectionString) { Host = "127.0.0.1", Port = proxy.Port }.ConnectionString;
        var work = new StepByStep();
        await using var cutOff = await JobsHost.StartAsync(throughProxy, [work.Job], SoonLost);
        await using var other = await JobsHost.StartAsync(database.ConnectionString, [work.Job], SoonLost);
        await database.ExecuteAsync(StepByStep.TableSql);

        var id = await cutOff.StartJobAsync(work.Job.Name);
        await work.IsAtBrokenStep.WaitAsync(JobsHost.Patience);
        proxy.Fault = fault;
        var resumed = await other.WaitForFollowerAsync(id);
        Assert.That((resumed.Run.State, resumed.Run.Trigger, resumed.Run.Numbers["steps"]), Is.EqualTo((JobRunState.Succeeded, "resume", (long)Steps)), resumed.Run.Detail);
        Assert.That((await other.GetRunAsync(id)).Run.State, Is.EqualTo(JobRunState.Lost));
        Assert.That(await database.QueryAsync<int[]>(StepByStep.DoneSql), Is.EqualTo(Enumerable.Range(1, Steps)), "each step once");

        // The one that was cut off goes on as if nothing had been, and ends its run without effect.
        await Wait.UntilAsync(() => cutOff.Log.Has("JobRunLost"), JobsHost.Patience, "it has noticed by itself");
        proxy.Fault = NetworkFault.None;
        await cutOff.WaitForLiveAsync();
        Assert.That(await database.QueryAsync<int[]>(StepByStep.DoneSql), Is.EqualTo(Enumerable.Range(1, Steps)), "and does none again");
    }

    [Test]
    public async Task ServerGoneInMidRun_IsResumedOnThePromotedStandby()
    {
        await using var servers = await ServerPair.StartAsync();
        await servers.BecomeSynchronousAsync();
        var work = new StepByStep();
        await using var service = await JobsHost.StartAsync(servers.ConnectionString, [work.Job], SoonLost);
        await servers.Primary.ExecuteAsync(StepByStep.TableSql);

        var id = await service.StartJobAsync(work.Job.Name);
        await work.IsAtBrokenStep.WaitAsync(JobsHost.Patience);
        await servers.Primary.StopAsync(immediate: true);
        await servers.Standby.PromoteAsync();
        await Wait.UntilAsync(() => servers.Standby.QueryAsync<bool>($"select exists (select from twjobs.run where of_run = {id} and state = 'succeeded')"), JobsHost.Patience, "it is resumed, and comes to its end");
        Assert.That(await servers.Standby.QueryAsync<string>($"select state from twjobs.run where runid = {id}"), Is.EqualTo("lost"));
        Assert.That(await servers.Standby.QueryAsync<int[]>(StepByStep.DoneSql), Is.EqualTo(Enumerable.Range(1, Steps)), "each step once");
    }

    /// <summary>A job of some steps, each a batch. In one it waits in its transaction when it comes there the first time, until its run ends.</summary>
    private sealed class StepByStep
    {
        public const string TableSql = "create table public.step (n int)";
        public const string DoneSql = "select array_agg(n order by n) from public.step";

        private readonly TaskCompletionSource _isAtBrokenStep = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public StepByStep() => Job = new ScriptedJob("step-by-step", WorkAsync);

        public ScriptedJob Job { get; }

        public Task IsAtBrokenStep => _isAtBrokenStep.Task;

        private async Task WorkAsync(JobRun run)
        {
            for (var step = run.Cursor is { } cursor ? int.Parse(cursor, null) + 1 : 1; step <= Steps; step++)
            {
                await run.BatchAsync(batch => DoAsync(batch, step, run.Stopping));
            }
        }

        private async Task DoAsync(JobBatch batch, int step, CancellationToken stopping)
        {
            await using var insert = batch.Command("insert into public.step values ($1)", new NpgsqlParameter<int> { TypedValue = step });
            await insert.ExecuteNonQueryAsync(stopping);
            batch.Count("steps");
            batch.Cursor = $"{step}";
            if (step == BrokenStep && _isAtBrokenStep.TrySetResult())
            {
                await Task.Delay(Timeout.Infinite, stopping);
            }
        }
    }
}
