using System.Text.Json.Nodes;
using CacheService.IntegrationTests.Infrastructure;
using CacheService.IntegrationTests.Jobs;
using CacheService.Jobs;

namespace CacheService.IntegrationTests.Tool;

/// <summary><c>tweetcounts jobs</c> against a real service.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class JobsTests
{
    private TestDatabase _database = null!;
    private RunningService _service = null!;

    [OneTimeSetUp]
    public async Task StartService()
    {
        _database = await TestDatabase.CreateAsync();
        _service = await JobsHost.StartAsync(
            _database.ConnectionString,
            [
                new ScriptedJob("waiting", run => Task.Delay(Timeout.Infinite, run.Stopping)),
                new ScriptedJob("failing", run => run.ItemAsync("public.sales", _ => throw new JobFailedException("out of disk"))) { Retry = (run, key) => run.ItemAsync(key, batch => DoAsync(batch, key)) },
            ]);
    }

    [OneTimeTearDown]
    public async Task StopService()
    {
        await _service.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Test]
    public async Task Jobs_FromStartToDownload_AreSeenAndDone()
    {
        Assert.That((await RunAsync("jobs")).OutputLines.Select(line => line.Split('\t')[0]), Is.EqualTo(new[] { "audit", "daily-report", "expire-messages", "failing", "import", "refresh-mat-views", "roll-up", "waiting" }));
        Assert.That((await RunAsync("jobs", "schedule", "waiting", "30 2 * * *", "--zone", "Europe/Berlin", "--misfire", "skip")).Output, Does.StartWith("waiting: 30 2 * * * (Europe/Berlin), next "));
        Assert.That((await RunAsync("jobs", "schedule", "waiting", "--by-hand")).Output, Does.StartWith("waiting: by hand"));

        var report = await RunAsync("jobs", "start", "daily-report", "--wait");
        Assert.That((report.ExitCode, report.Output.Contains("succeeded")), Is.EqualTo((0, true)), report.Output);
        var id = report.Output.Split(' ')[1];
        var output = (await RunAsync("jobs", "show", id)).OutputLines.Single(line => line.EndsWith(".csv", StringComparison.Ordinal)).Split(' ')[1];
        Assert.That((await RunAsync("jobs", "download", id, output)).OutputLines[0], Is.EqualTo("day,retweets,undone_retweets,likes,undone_likes"));

        var failing = await RunAsync("jobs", "start", "failing", "--wait");
        Assert.That((failing.ExitCode, failing.Output.Contains("incomplete")), Is.EqualTo((1, true)), failing.Output);
        var failed = failing.Output.Split(' ')[1];
        Assert.That((await RunAsync("jobs", "show", failed)).Output, Does.Contain("item public.sales: failed out of disk"));
        Assert.That((await RunAsync("jobs", "runs", "--state", "incomplete")).OutputLines, Has.Count.EqualTo(1));
        await _service.WaitForEndAsync(long.Parse((await RunAsync("jobs", "retry", failed)).Output.Split(' ')[1]));
        Assert.That((await RunAsync("jobs", "ignore", failed, "public.sales")).Error, Does.Contain("no such failed item"), "it is done by now");

        var waiting = (await RunAsync("jobs", "start", "waiting", "--set", "word=tea")).Output.Split(' ')[1];
        Assert.That((await RunAsync("jobs", "start", "waiting")).Error, Does.Contain($"run {waiting} of waiting is under way"));
        Assert.That((await RunAsync("jobs", "stop", waiting, "--reason", "tea")).Output, Does.Contain("stopped").And.Contain("tea"));
        var resumed = (await RunAsync("jobs", "resume", waiting)).Output.Split(' ')[1];
        var restarted = (await RunAsync("jobs", "restart", resumed)).Output.Split(' ')[1];
        Assert.That((await RunAsync("jobs", "cancel", restarted)).Output, Does.Contain("cancelled"));
        Assert.That((await RunAsync("jobs", "pause", "waiting", "--reason", "tea")).Output, Does.Contain("is paused"));
        Assert.That((await RunAsync("jobs", "unpause", "waiting")).ExitCode, Is.Zero);
        Assert.That((await RunAsync("jobs", "actions", "waiting")).OutputLines.Select(line => line.Split('\t')[2]), Does.Contain("restart").And.Contain("pause").And.Contain("stop").And.Contain("schedule"));
        Assert.That(JsonNode.Parse((await RunAsync("jobs", "runs", "--json")).Output)!["runs"]![0]!["job"]!.GetValue<string>(), Is.EqualTo("waiting"));
    }

    [TestCase("start nothing", "there is no job 'nothing'; tweetcounts jobs lists them")]
    [TestCase("start roll-up --set colour", "'colour' sets nothing")]
    [TestCase("show 999999", "there is no run 999999")]
    [TestCase("schedule roll-up soon", "'soon' is no schedule")]
    public async Task Jobs_ThatCannotBe_SayWhyInALine(string arguments, string words)
    {
        var run = await RunAsync(["jobs", .. arguments.Split(' ')]);
        Assert.That((run.ExitCode, run.Error.Split('\n').Length), Is.EqualTo((1, 1)), run.Error);
        Assert.That(run.Error, Does.Contain(words));
    }

    [Test]
    public async Task Jobs_AtATerminal_AreTables()
    {
        var run = await ToolRun.RunAsync(interactive: true, CancellationToken.None, "jobs", "--address", _service.GrpcAddress.AbsoluteUri);
        Assert.That(run.Output, Does.Contain("schedule").And.Contain("refresh-mat-views").And.Contain("*/5 * * * *").And.Contain("by hand"));
        Assert.That((await ToolRun.RunAsync(interactive: true, CancellationToken.None, "jobs", "runs", "--address", _service.GrpcAddress.AbsoluteUri)).Output, Does.Contain("what it did"));
    }

    private Task<ToolRun> RunAsync(params string[] arguments) => ToolRun.RunAsync([.. arguments, "--address", _service.GrpcAddress.AbsoluteUri]);

    private static Task DoAsync(JobBatch batch, string key)
    {
        batch.Done(key);
        return Task.CompletedTask;
    }
}
