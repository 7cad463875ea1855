using System.Net;
using CacheService.Api.Http;
using CacheService.IntegrationTests.Api.Http;
using CacheService.IntegrationTests.Infrastructure;
using CacheService.IntegrationTests.Security;
using Google.Protobuf;
using Grpc.Core;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Jobs;

/// <summary>Jobs over HTTP: by cron and curl, and by programs.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class JobsHttpTests
{
    private static readonly TestKey Cron = new(0, "cron", "Jobs,Read");

    private TestDatabase _database = null!;
    private RunningService _service = null!;
    private RunningService _open = null!;

    [OneTimeSetUp]
    public async Task StartServices()
    {
        _database = await TestDatabase.CreateAsync();
        _service = await JobsHost.StartAsync(_database.ConnectionString, [], Cron.Settings);
        _open = await JobsHost.StartAsync(
            _database.ConnectionString,
            [
                new ScriptedJob("waiting", run => Task.Delay(Timeout.Infinite, run.Stopping)),
                new ScriptedJob("failing", run => run.ItemAsync("one", _ => throw new InvalidOperationException("no"))) { Retry = (_, _) => Task.CompletedTask },
            ]);
    }

    [OneTimeTearDown]
    public async Task StopServices()
    {
        await _service.DisposeAsync();
        await _open.DisposeAsync();
        await _database.DisposeAsync();
    }

    /// <summary>As the article series has them in a crontab: curl and an address. With curl, and by sh, as cron does it.</summary>
    [TestCase("curl -sS -H 'Authorization: Bearer {KEY}' {URL}/schedule/daily-report/", "daily-report")]
    [TestCase("curl -sS -X POST -H 'Authorization: Bearer {KEY}' -H 'Idempotency-Key: slot' {URL}/schedule/refresh-mat-views/", "refresh-mat-views")]
    public async Task LineOfACrontab_StartsTheJob(string line, string job)
    {
        var command = line.Replace("{KEY}", Cron.Key, StringComparison.Ordinal).Replace("{URL}", _service.HttpAddress.AbsoluteUri.TrimEnd('/'), StringComparison.Ordinal);
        var result = await CacheService.Postgres.Embedded.Command.RunAsync(["sh", "-c", command], JobsHost.Patience, CancellationToken.None);
        var run = JsonParser.Default.Parse<RunResponse>(result.Output).Run;
        Assert.That((run.Job, run.AskedBy, run.Trigger), Is.EqualTo((job, "key cron", "hand")));
        Assert.That((await _open.WaitForEndAsync(run.Id)).Run.State, Is.EqualTo(JobRunState.Succeeded));
    }

    [Test]
    public async Task Get_WithoutAKey_StartsNothing()
    {
        var refused = await _open.GetAsync("schedule/daily-report/");
        Assert.That((refused.Code, refused.Status), Is.EqualTo((HttpStatusCode.BadRequest, "INVALID_ARGUMENT")));
        Assert.That(refused.Detail, Does.Contain("curl -X POST"));
        Assert.That((await _open.GetAsync("schedule/daily-report/", ("Authorization", "Bearer nothing asks for it"))).Code, Is.EqualTo(HttpStatusCode.BadRequest));
    }

    [Test]
    public async Task Post_FromAForeignPage_StartsNothing() =>
        Assert.That((await _open.PostAsync("schedule/daily-report/", null, ("Origin", "https://evil.example.com"))).Code, Is.EqualTo(HttpStatusCode.Forbidden));

    [Test]
    public async Task Routes_OfJobs_SayWhatMethodsSay()
    {
        Assert.That(HttpRoutes.All.Where(route => route.Method.Service == JobsService.Descriptor).Select(route => route.Method.Name).Distinct(), Is.EquivalentTo(JobsService.Descriptor.Methods.Select(method => method.Name)));
        var waiting = (await _open.PostAsync("v1/jobs/waiting/start", """{ "parameters": { "word": "w" } }""")).Message<RunResponse>().Run;
        Assert.That((waiting.State, waiting.Parameters["word"]), Is.EqualTo((JobRunState.Running, "w")));
        Assert.That((await _open.PostAsync("schedule/waiting")).Detail, Does.Contain($"run {waiting.Id} of waiting is under way"));
        var stopped = (await _open.PostAsync($"v1/runs/{waiting.Id}/stop?reason=tea")).Message<RunResponse>().Run;
        Assert.That((stopped.State, stopped.Detail.Contains("tea")), Is.EqualTo((JobRunState.Stopped, true)));
        var resumed = (await _open.PostAsync($"v1/runs/{waiting.Id}/resume")).Message<RunResponse>().Run;
        var restarted = (await _open.PostAsync($"v1/runs/{resumed.Id}/restart")).Message<RunResponse>().Run;
        Assert.That((await _open.PostAsync($"v1/runs/{restarted.Id}/cancel")).Message<RunResponse>().Run.State, Is.EqualTo(JobRunState.Cancelled));

        Assert.That((await _open.PostAsync("v1/jobs/waiting/pause?reason=tea")).Message<JobResponse>().Job.PausedWhy, Is.EqualTo("tea"));
        Assert.That((await _open.PostAsync("v1/jobs/waiting/unpause")).Message<JobResponse>().Job.PausedAt, Is.Null);
        var scheduled = (await _open.PostAsync("v1/jobs/waiting/schedule", """{ "schedule": "0 0 1 1 *", "timeZone": "Europe/Berlin", "misfire": "MISFIRE_RULE_SKIP", "parameters": { "values": { "word": "year" } } }""")).Message<JobResponse>().Job;
        Assert.That((scheduled.Schedule, scheduled.Misfire, scheduled.Parameters["word"], scheduled.NextSlot is null), Is.EqualTo(("0 0 1 1 *", MisfireRule.Skip, "year", false)));
        Assert.That((await _open.GetAsync("v1/jobs")).Message<ListJobsResponse>(), Is.EqualTo(await _open.Jobs().ListJobsAsync(new ListJobsRequest())));

        var failing = (await _open.WaitForEndAsync(await _open.StartJobAsync("failing"))).Run;
        Assert.That((await _open.GetAsync($"v1/runs/{failing.Id}?item_state=failed")).Message<GetRunResponse>(), Is.EqualTo(await _open.Jobs().GetRunAsync(new GetRunRequest { Id = failing.Id, ItemState = JobItemState.Failed })));
        await _open.WaitForEndAsync((await _open.PostAsync($"v1/runs/{failing.Id}/retry", """{ "keys": [ "one" ] }""")).Message<RunResponse>().Run.Id);
        Assert.That((await _open.PostAsync($"v1/runs/{failing.Id}/ignore", """{ "keys": [ "one" ] }""")).Message<IgnoreItemsResponse>().Ignored, Is.EqualTo(1));
        Assert.That((await _open.GetAsync("v1/runs?job=failing&state=incomplete&limit=5")).Message<ListRunsResponse>(), Is.EqualTo(await _open.Jobs().ListRunsAsync(new ListRunsRequest { Job = "failing", State = JobRunState.Incomplete, Limit = 5 })));
        Assert.That((await _open.GetAsync("v1/actions?job=failing")).Message<ListActionsResponse>().Actions.Select(action => action.What), Is.EqualTo(new[] { "ignore", "retry", "start" }));

        Assert.That((await _open.GetAsync("v1/runs/999999")).Code, Is.EqualTo(HttpStatusCode.NotFound));
        Assert.That((await _open.GetAsync("v1/runs?limit=1001")).Code, Is.EqualTo(HttpStatusCode.BadRequest));
        Assert.That((await _open.GetAsync("v1/runs?state=odd")).Code, Is.EqualTo(HttpStatusCode.BadRequest));
        Assert.That((await _open.PostAsync("v1/jobs/waiting/start", "{ no json")).Code, Is.EqualTo(HttpStatusCode.BadRequest));
    }

    [Test]
    public async Task Output_WithDownload_IsAFile()
    {
        var run = await _open.WaitForEndAsync(await _open.StartJobAsync("daily-report"));
        var name = run.Outputs.Single(output => output.EndsWith(".csv", StringComparison.Ordinal));
        var answer = await _open.GetAsync($"v1/runs/{run.Run.Id}/outputs/{name}?download=true");
        Assert.That((answer.ContentType, answer.Response.Content.Headers.ContentDisposition?.DispositionType, answer.Response.Content.Headers.ContentDisposition?.FileName), Is.EqualTo(("text/csv", "attachment", name)));
        Assert.That(answer.Body, Is.EqualTo((await _open.GetAsync($"v1/runs/{run.Run.Id}/outputs/{name}")).Message<GetOutputResponse>().Content));
    }

    [Test]
    public async Task Service_WithoutJobs_SaysSoAndRunsOnAnyRole()
    {
        await using var role = await TestRole.CreateAsync("twcache_reader");
        await using var service = await RunningService.StartAsync(role.ConnectionStringTo(_database));
        var off = await service.GetAsync("v1/jobs");
        Assert.That((off.Status, off.Detail.Contains("Jobs:Enabled=true")), Is.EqualTo(("FAILED_PRECONDITION", true)));
        Assert.That((await JobsHost.RefusalAsync(() => service.StartJobAsync("roll-up"))).StatusCode, Is.EqualTo(StatusCode.FailedPrecondition));

        await using var lacking = await RunningService.StartAsync(role.ConnectionStringTo(_database), "--Jobs:Enabled=true");
        await Wait.UntilAsync(() => lacking.Log.Has("JobsUnavailable"), JobsHost.Patience, "it says what it lacks");
        Assert.That((await lacking.GetAsync("v1/jobs")).Detail, Does.Contain($"grant twcache_jobs to \"{role.Name}\""));
        await _database.ExecuteAsync($"grant twcache_jobs to {role.Name}");
        await Wait.UntilAsync(async () => (await lacking.GetAsync("v1/jobs")).Code == HttpStatusCode.OK, JobsHost.Patience, "it runs jobs without a restart");
        Assert.That((await lacking.WaitForEndAsync(await lacking.StartJobAsync("roll-up"))).Run.State, Is.EqualTo(JobRunState.Succeeded));
        await _database.ExecuteAsync($"revoke twcache_jobs from {role.Name}");
    }
}
