using CacheService.IntegrationTests.Infrastructure;

namespace CacheService.IntegrationTests.Shutdown;

/// <summary>run.sh as its user starts it: the service, and a demo beside it.</summary>
// Beside other fixtures: it waits more than it works, for processes of its own.
[Parallelizable(ParallelScope.All)]
internal sealed class RunScriptTests
{
    private const string Service = "bin/Release/net10.0/CacheService ";

    // Shells tell which signal has ended a program.
    private const int Killed = 128 + 9;

    [TestCase("TERM", 0)]
    [TestCase("HUP", 0)]
    [TestCase("INT", 130)]
    public async Task Signal_ToTheScript_StopsAllOfIt(string signal, int exitCode)
    {
        await using var script = RunScript.Start([]);
        await script.UntilDemoAsync();
        await ProcessSignals.SendAsync(signal, script.Id);
        Assert.That(await script.UntilAllHaveEndedAsync(), Is.EqualTo(exitCode));
        Assert.That(script.Printed, Does.Contain("PostgreSQL has stopped").And.Not.Contain("at once"));
    }

    [Test]
    public async Task Interrupt_ToAllOfItAsATerminalSends_StopsAllOfItInOrder()
    {
        await using var script = RunScript.Start([]);
        await script.UntilDemoAsync();
        await ProcessSignals.SendAsync("INT", ProcessSignals.WithDescendants(script.Id));
        Assert.That(await script.UntilAllHaveEndedAsync(), Is.EqualTo(130));
        Assert.That(script.Printed, Does.Contain("PostgreSQL has stopped").And.Not.Contain("at once"));
    }

    [Test]
    public async Task Interrupt_WhereItWasStartedToIgnoreIt_StopsAllOfIt()
    {
        await using var script = RunScript.Start(["env", "--ignore-signal=INT"]);
        await script.UntilDemoAsync();
        await ProcessSignals.SendAsync("INT", script.Id);
        Assert.That(await script.UntilAllHaveEndedAsync(), Is.EqualTo(130));
    }

    [Test]
    public async Task Script_Killed_LeavesNothingRunning()
    {
        await using var script = RunScript.Start([]);
        await script.UntilDemoAsync();
        await ProcessSignals.SendAsync("KILL", script.Id);
        Assert.That(await script.UntilAllHaveEndedAsync(), Is.EqualTo(Killed));
    }

    [Test]
    public async Task Service_Ended_EndsTheScriptWithItsExitCode()
    {
        await using var script = RunScript.Start([]);
        await script.UntilDemoAsync();
        await ProcessSignals.SendAsync("TERM", script.ProcessOf(Service));
        Assert.That(await script.UntilAllHaveEndedAsync(), Is.Zero);
    }

    [Test]
    public async Task Demo_OnItsOwnAddresses_SaysHowToCallIt()
    {
        await using var script = RunScript.Start([]);
        await script.UntilDemoAsync();
        Assert.That(script.Printed, Does.Match("""
            The service is LIVE, and a simulation writes five retweets and likes a second. See the counts move, in a browser:

              http://127\.0\.0\.1:\d+

            Or try, in another terminal:

              cd \S+
              TWEETCOUNTS_ADDRESS=http://127\.0\.0\.1:\d+ \./run\.sh tweetcounts top   # read counts
            """));
        Assert.That(script.Printed, Does.Match("""\n  \S+/psql   # a psql on its database\n"""));
    }

    [Test]
    public async Task Addresses_OfAnother_AreLeftToIt()
    {
        await using var script = RunScript.Start([]);
        await script.UntilDemoAsync();
        await using var second = RunScript.Start([], script.Addresses);
        Assert.That(await second.UntilAllHaveEndedAsync(), Is.EqualTo(1));
        Assert.That(second.Printed, Does.Contain("Stop what uses it, or choose another").And.Not.Contain("in another terminal"));
    }

    [Test]
    public async Task ConnectionString_Given_IsNoDemo()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var script = RunScript.Start([], $"--ConnectionStrings:Postgres={database.ConnectionString}");
        await script.UntilPrintedAsync("Loaded the counts");
        Assert.That(ProcessSignals.WithDescendants(script.Id), Has.Length.EqualTo(2), "the script and the service");
        await ProcessSignals.SendAsync("TERM", script.Id);
        Assert.That(await script.UntilAllHaveEndedAsync(), Is.Zero);
        Assert.That(await database.QueryAsync<long>("select count(*) from tweet.users"), Is.Zero);
    }
}
