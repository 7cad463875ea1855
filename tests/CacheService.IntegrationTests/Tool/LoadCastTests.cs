using CacheService.IntegrationTests.Infrastructure;

namespace CacheService.IntegrationTests.Tool;

// Beside other fixtures: it has a database of its own, and measures nothing.
[Parallelizable(ParallelScope.Self)]
public sealed class LoadCastTests
{
    private const string Rows = "select (select count(*) from tweet.users) * 1000000 + (select count(*) from tweet.message) * 1000 + (select count(*) from tweet.follower)";

    private TweetDatabase _database = null!;

    [SetUp]
    public async Task CreateDatabase() => _database = await TweetDatabase.CreateAsync();

    [TearDown]
    public async Task DropDatabase() => await _database.DisposeAsync();

    [Test]
    public async Task LoadCast_RunTwice_AddsNothingTheSecondTime()
    {
        var first = await RunAsync();
        var second = await RunAsync();

        Assert.That(first, Is.EqualTo(new ToolRun(0, "29 users, 68 messages and 14 followers added" + Environment.NewLine, "")));
        Assert.That(second, Is.EqualTo(new ToolRun(0, "nothing to add: the 29 users, 68 messages and 14 followers are there" + Environment.NewLine, "")));
        Assert.That(await _database.NumberAsync(Rows), Is.EqualTo(29_068_014));
        Assert.That(await _database.NumberAsync("select nextval(pg_get_serial_sequence('tweet.users', 'userid'))"), Is.EqualTo(30), "no id used up");
    }

    [Test]
    public async Task LoadCast_RunTwiceAtOnce_AddsEachOnce()
    {
        var runs = await Task.WhenAll(RunAsync(), RunAsync());

        Assert.That(runs.Select(run => run.ExitCode), Is.All.Zero);
        Assert.That(await _database.NumberAsync(Rows), Is.EqualTo(29_068_014));
    }

    [Test]
    public async Task LoadCast_PartsAreThere_AddsTheRestAndChangesNothing()
    {
        await _database.ExecuteAsync("insert into tweet.users (uname, bio) values ('Puck', 'mine')");

        var run = await RunAsync();

        Assert.That(run.Output.Trim(), Is.EqualTo("28 users, 68 messages and 14 followers added"));
        Assert.That((await _database.ColumnAsync("select bio from tweet.users where uname = 'Puck'")).Single(), Is.EqualTo("mine"));
    }

    [Test]
    public async Task LoadCast_FollowerIsGone_AddsTheOne()
    {
        await RunAsync();
        await _database.ExecuteAsync("delete from tweet.follower where follower = (select userid from tweet.users where uname = 'Helena')");

        Assert.That((await RunAsync()).Output.Trim(), Is.EqualTo("0 users, 0 messages and 1 followers added"));
    }

    [Test]
    public async Task LoadCast_TablesWithoutFollowers_AddsTheRest()
    {
        await _database.ExecuteAsync("drop table tweet.follower");

        Assert.That((await RunAsync()).Output.Trim(), Is.EqualTo("29 users and 68 messages added"));
        Assert.That((await RunAsync()).Output.Trim(), Is.EqualTo("nothing to add: the 29 users and 68 messages are there"));
    }

    [Test]
    public async Task LoadCast_MessageRefused_WritesNothing()
    {
        await _database.ExecuteAsync("alter table tweet.message add constraint no_moon check (message not like 'Waning%')");

        var run = await RunAsync();

        Assert.That(run.ExitCode, Is.EqualTo(1));
        Assert.That(run.Error, Does.StartWith("tweetcounts: the database answers: new row for relation \"message\" violates check constraint"));
        Assert.That(await _database.NumberAsync(Rows), Is.Zero);
    }

    [Test]
    public async Task LoadCast_DatabaseWithoutTables_SaysWhatToDo()
    {
        await using var empty = await TestDatabase.CreateAsync();

        var run = await ToolRun.RunAsync("load-cast", "--connection", empty.ConnectionString);

        Assert.That(run.ExitCode, Is.EqualTo(1));
        Assert.That(run.Error, Is.EqualTo("tweetcounts: the database lacks the application's tables (relation \"tweet.users\" does not exist): "
            + "start the service once, which creates them, or apply sql/*.sql"));
    }

    [Test]
    public async Task LoadCast_NoServer_SaysWhichAndHowItWasFound()
    {
        var run = await ToolRun.RunAsync("load-cast", "--connection", "Host=127.0.0.1;Port=1;Username=nobody");

        Assert.That(run.ExitCode, Is.EqualTo(1));
        Assert.That(run.Error, Is.EqualTo("tweetcounts: cannot connect to the database at 127.0.0.1:1: Connection refused; is it running, and --connection right?"));
    }

    private Task<ToolRun> RunAsync() => ToolRun.RunAsync("load-cast", "--connection", _database.ConnectionString);
}
