using CacheService.Client;
using CacheService.Client.Jobs;
using CacheService.IntegrationTests.Infrastructure;
using CacheService.IntegrationTests.Jobs;
using CacheService.Jobs;
using Grpc.Core;

namespace CacheService.IntegrationTests.Client;

/// <summary>The library's way to jobs, against the whole service.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class JobsClientTests
{
    private TestDatabase _database = null!;
    private RunningService _service = null!;
    private TweetCountsClient _client = null!;
    private volatile bool _isMended;

    [OneTimeSetUp]
    public async Task StartService()
    {
        _database = await TestDatabase.CreateAsync();
        _service = await JobsHost.StartAsync(
            _database.ConnectionString,
            [
                new ScriptedJob("waiting", run => Task.Delay(Timeout.Infinite, run.Stopping)),
                new ScriptedJob("sales", run => run.ItemAsync("north", SellAsync)) { Retry = (run, key) => run.ItemAsync(key, SellAsync) },
            ]);
        _client = new TweetCountsClient(new TweetCountsClientOptions { Addresses = { _service.GrpcAddress } });
    }

    [OneTimeTearDown]
    public async Task StopService()
    {
        _client.Dispose();
        await _service.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Test]
    public async Task Run_StartedTwiceWithAKeyAndItsItemRetried_IsToldInFull()
    {
        var parameters = new Dictionary<string, string> { ["word"] = "three" };
        var run = await _client.Jobs.StartAsync("sales", parameters, idempotencyKey: "2026-11-29");
        Assert.That((await _client.Jobs.StartAsync("sales", parameters, idempotencyKey: "2026-11-29")).Id, Is.EqualTo(run.Id), "the same run");
        run = await _client.Jobs.WaitUntilEndedAsync(run.Id);
        Assert.That((run.Job, run.State, run.Trigger, run.OfRun, run.Parameters["word"]), Is.EqualTo(("sales", JobRunState.Incomplete, "hand", (long?)null, "three")));
        Assert.That(run.EndedAt >= run.StartedAt);

        var failed = await _client.Jobs.GetRunAsync(run.Id, JobItemState.Failed);
        Assert.That((failed.FailedItems, failed.AllItems, failed.Log.Count), Is.EqualTo((1, 1, 1)));
        Assert.That(failed.Items.Select(item => (item.Key, item.State, item.Error, item.Attempts)), Is.EqualTo(new[] { ("north", JobItemState.Failed, "no snow", 1) }));

        _isMended = true;
        var retry = await _client.Jobs.WaitUntilEndedAsync((await _client.Jobs.RetryItemsAsync(run.Id)).Id);
        Assert.That((retry.State, retry.OfRun, retry.Numbers["sold"]), Is.EqualTo((JobRunState.Succeeded, run.Id, 3L)));
        var item = (await _client.Jobs.GetRunAsync(run.Id)).Items.Single();
        Assert.That((item.State, item.Before, item.After, item.Attempts), Is.EqualTo((JobItemState.Done, """{"sold": 0}""", """{"sold": 3}""", 2)));
        Assert.That((await _client.Jobs.GetOutputAsync(retry.Id, "sales.txt")).Content, Is.EqualTo("3 sold"));
        Assert.That((await _client.Jobs.ListRunsAsync("sales", JobRunState.Incomplete)).Select(one => one.Id), Is.EqualTo(new[] { run.Id }));
        Assert.That((await _client.Jobs.ListRunsAsync("sales", before: retry.Id)).Select(one => one.Id), Is.EqualTo(new[] { run.Id }));
        Assert.That((await _client.Jobs.ListActionsAsync("sales")).Select(action => (action.What, action.Run)), Is.EqualTo(new[] { ("retry", (long?)retry.Id), ("start", run.Id) }));
        Assert.That((await JobsHost.RefusalAsync(() => _client.Jobs.IgnoreItemsAsync(run.Id, ["north"]))).StatusCode, Is.EqualTo(StatusCode.NotFound), "it has not failed any more");
    }

    [Test]
    public async Task Job_ScheduledPausedStartedAndStopped_DoesAsItIsTold()
    {
        var job = await _client.Jobs.ScheduleAsync(
            "waiting", new JobScheduleChange { Schedule = "30 2 1 1 *", TimeZone = "Europe/Berlin", Misfire = MisfireRule.Skip, Parameters = new Dictionary<string, string> { ["word"] = "tea" } });
        Assert.That((job.Schedule, job.TimeZone, job.Misfire, job.Parameters["word"], job.NextSlot.HasValue), Is.EqualTo(("30 2 1 1 *", "Europe/Berlin", MisfireRule.Skip, "tea", true)));
        job = await _client.Jobs.ScheduleAsync("waiting", new JobScheduleChange { Schedule = "" });
        Assert.That((job.Schedule, job.TimeZone, job.NextSlot), Is.EqualTo(("", "Europe/Berlin", (DateTimeOffset?)null)), "what is not named stays");
        Assert.That((await _client.Jobs.PauseAsync("waiting", "release")).PausedWhy, Is.EqualTo("release"));
        Assert.That((await JobsHost.RefusalAsync(() => _client.Jobs.StartAsync("waiting"))).StatusCode, Is.EqualTo(StatusCode.FailedPrecondition));
        Assert.That((await _client.Jobs.UnpauseAsync("waiting")).PausedAt, Is.Null);

        var run = await _client.Jobs.StartAsync("waiting");
        job = (await _client.Jobs.ListAsync()).Single(one => one.Name == "waiting");
        Assert.That((job.Run!.Id, job.Run.State, job.CanRetry, job.KnownParameters.Single().Name), Is.EqualTo((run.Id, JobRunState.Running, false, "word")));
        run = await _client.Jobs.StopAsync(run.Id, "tea");
        Assert.That((run.State, run.Detail.Contains("tea")), Is.EqualTo((JobRunState.Stopped, true)));
        run = await _client.Jobs.ResumeAsync(run.Id);
        run = await _client.Jobs.RestartAsync(run.Id);
        Assert.That((await _client.Jobs.CancelAsync(run.Id)).State, Is.EqualTo(JobRunState.Cancelled));
    }

    private Task SellAsync(JobBatch batch)
    {
        if (!_isMended)
        {
            throw new JobFailedException("no snow");
        }

        batch.Count("sold", 3);
        batch.Done("north", new { sold = 0 }, new { sold = 3 });
        batch.Output("sales.txt", "text/plain", "3 sold");
        return Task.CompletedTask;
    }
}
