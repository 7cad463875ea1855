using System.Globalization;
using System.Text.RegularExpressions;
using CacheService.IntegrationTests.Infrastructure;

namespace CacheService.IntegrationTests.Tool;

// Beside other fixtures: it has databases of its own, and measures nothing.
[Parallelizable(ParallelScope.Self)]
public sealed partial class SimulateTests
{
    private const string Activities = "select count(*) from tweet.activity";

    private TweetDatabase _database = null!;

    [SetUp]
    public async Task CreateDatabase()
    {
        _database = await TweetDatabase.CreateAsync();
        await _database.ExecuteAsync("insert into tweet.users (uname) values ('anna')");
        await _database.ExecuteAsync("insert into tweet.message (userid, message) select userid, 'Hello ' || n from tweet.users, generate_series(1, 5) n");
    }

    [TearDown]
    public async Task DropDatabase() => await _database.DisposeAsync();

    [Test]
    public async Task Simulate_ForAWhile_WritesWhatItSays()
    {
        var run = await RunAsync(CancellationToken.None, "--rate", "400", "--duration", "1s", "--clients", "3", "--seed", "1");

        var total = await AssertTotalsAsync(run, errors: 0);
        Assert.That(total, Is.InRange(1, 400));
    }

    [Test]
    public async Task Simulate_Stopped_EndsWellWithItsTotals()
    {
        using var stop = new CancellationTokenSource();
        var running = RunAsync(stop.Token, "--rate", "200");
        const string Undone = "select count(*) from tweet.activity where action in ('de-rt', 'de-fav')";
        await Wait.UntilAsync(async () => await _database.NumberAsync(Undone) > 5, RunningService.Patience, "some are undone");

        await stop.CancelAsync();

        await AssertTotalsAsync(await running, errors: 0);
        Assert.That(await _database.NumberAsync("select count(*) from tweet.message_with_counters where rts < 0 or favs < 0"), Is.Zero);
    }

    [Test]
    public async Task Simulate_ConnectionsBroken_SaysSoAndGoesOn()
    {
        using var stop = new CancellationTokenSource();
        var running = RunAsync(stop.Token, "--rate", "200", "--clients", "2");
        await Wait.UntilAsync(async () => await _database.NumberAsync(Activities) > 20, RunningService.Patience, "something is written");

        await _database.ExecuteAsync(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'tweetcounts' and datname = current_database()");
        var before = await _database.NumberAsync(Activities);
        await Wait.UntilAsync(async () => await _database.NumberAsync(Activities) > before + 50, RunningService.Patience, "it writes again");
        await stop.CancelAsync();

        var run = await running;
        Assert.That(run.ExitCode, Is.Zero);
        Assert.That(run.Error, Does.Contain("the database takes no writes, trying again until it does: terminating connection"));
        Assert.That(run.Error, Does.Contain("the database takes writes again, after"));
    }

    [Test]
    public async Task Simulate_MessagesComeAndGo_UsesThoseThatAreThere()
    {
        using var stop = new CancellationTokenSource();
        var running = RunAsync(stop.Token, "--rate", "200");
        await Wait.UntilAsync(async () => await _database.NumberAsync(Activities) > 20, RunningService.Patience, "something is written");

        await _database.ExecuteAsync("delete from tweet.message where messageid <= 4");
        await _database.ExecuteAsync("insert into tweet.message (userid, message) select userid, 'I am new' from tweet.users");
        await Wait.UntilAsync(
            async () => await _database.NumberAsync("select count(distinct messageid) from tweet.activity") == 2, RunningService.Patience, "the new message is retweeted or liked");
        await stop.CancelAsync();

        var run = await running;
        Assert.That(run.ExitCode, Is.Zero);
        Assert.That(run.Error, Is.Empty);
    }

    [Test]
    public async Task Simulate_Quiet_PrintsNothing() =>
        Assert.That(
            await RunAsync(CancellationToken.None, "--rate", "50", "--duration", "100ms", "--quiet"),
            Is.EqualTo(new ToolRun(0, "", "")));

    [Test]
    public async Task Simulate_AtATerminal_ShowsNumbersThatMove()
    {
        var run = await ToolRun.RunAsync(
            interactive: true, CancellationToken.None, "simulate", "--rate", "50", "--duration", "500ms", "--connection", _database.ConnectionString);

        Assert.That(run.ExitCode, Is.Zero);
        Assert.That(run.Output, Does.Contain("written").And.Contain("hottest").And.Contain("of 50.0 per second"));
    }

    [Test]
    public async Task Simulate_NoMessages_PointsToTheCast()
    {
        await _database.ExecuteAsync("delete from tweet.message");

        var run = await RunAsync(CancellationToken.None);

        Assert.That(run, Is.EqualTo(new ToolRun(1, "", "tweetcounts: there are no messages to retweet or like: run tweetcounts load-cast first")));
    }

    private async Task<long> AssertTotalsAsync(ToolRun run, int errors)
    {
        var said = Summary().Match(run.OutputLines[^1]);
        Assert.That(run.ExitCode, Is.Zero);
        Assert.That(said.Success, run.Output);

        long Said(string name) => long.Parse(said.Groups[name].Value, CultureInfo.InvariantCulture);
        Assert.That(Said("errors"), Is.EqualTo(errors));
        Assert.That(Said("all"), Is.EqualTo(await _database.NumberAsync(Activities)));
        foreach (var action in new[] { "rt", "fav", "de-rt", "de-fav" })
        {
            Assert.That(
                Said(action.Replace("-", "", StringComparison.Ordinal)),
                Is.EqualTo(await _database.NumberAsync($"select count(*) from tweet.activity where action = '{action}'")),
                action);
        }
        return Said("all");
    }

    private Task<ToolRun> RunAsync(CancellationToken stop, params string[] args) =>
        ToolRun.RunAsync(interactive: false, stop, ["simulate", "--connection", _database.ConnectionString, .. args]);

    [GeneratedRegex(@"^wrote (?<all>\d+) in .*: (?<rt>\d+) retweets \((?<dert>\d+) undone\), (?<fav>\d+) likes \((?<defav>\d+) undone\), (?<errors>\d+) errors")]
    private static partial Regex Summary();
}
