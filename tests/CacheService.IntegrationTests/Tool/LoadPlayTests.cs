namespace CacheService.IntegrationTests.Tool;

// Beside other fixtures: it has a database of its own, and measures nothing.
[Parallelizable(ParallelScope.Self)]
public sealed class LoadPlayTests
{
    private const string Play = """
        <?xml version="1.0"?>
        <PLAY>
        <TITLE>Two at a door</TITLE>
        <ACT><SCENE><STAGEDIR>Enter ANNA</STAGEDIR>
        <SPEECH>
        <SPEAKER>ANNA</SPEAKER>
        <LINE><STAGEDIR>Knocks</STAGEDIR> Is the baker in?</LINE>
        <LINE>I smell no bread.</LINE>
        </SPEECH>
        <SPEECH><SPEAKER>BAKER</SPEAKER><LINE>He sleeps.</LINE></SPEECH>
        <SPEECH><SPEAKER>Anna</SPEAKER><LINE>And who are you?</LINE></SPEECH>
        <SPEECH><SPEAKER>BAKRE</SPEAKER><LINE>The one who sleeps.</LINE></SPEECH>
        </SCENE></ACT>
        </PLAY>
        """;

    private static readonly string[] Messages =
    [
        "anna: Is the baker in?\nI smell no bread.", "Bert the Baker: He sleeps.", "anna: And who are you?", "Bert the Baker: The one who sleeps.",
    ];

    private TweetDatabase _database = null!;
    private string _file = "";

    [SetUp]
    public async Task CreateDatabase()
    {
        _database = await TweetDatabase.CreateAsync();
        await _database.ExecuteAsync("insert into tweet.users (uname, nickname) values ('anna', null), ('Bert the Baker', 'Baker')");
        _file = Path.GetTempFileName();
        await File.WriteAllTextAsync(_file, Play);
    }

    [TearDown]
    public async Task DropDatabase()
    {
        File.Delete(_file);
        await _database.DisposeAsync();
    }

    [Test]
    public async Task LoadPlay_AllSpeakersKnown_SpeechesBecomeMessagesInOrder()
    {
        var run = await RunAsync("--alias", "bakre=BAKER");

        Assert.That(run, Is.EqualTo(new ToolRun(0, "4 messages for 2 speakers" + Environment.NewLine, "")));
        Assert.That(
            await _database.ColumnAsync("select uname || ': ' || message from tweet.message join tweet.users using (userid) order by messageid"),
            Is.EqualTo(Messages));
    }

    [Test]
    public async Task LoadPlay_UnknownSpeaker_NamesItAndWritesNothing()
    {
        var run = await RunAsync();

        Assert.That(run.ExitCode, Is.EqualTo(1));
        Assert.That(run.Error, Is.EqualTo($"tweetcounts: {Path.GetFileName(_file)}: nobody in tweet.users is called BAKRE (line 12). "
            + "Nothing was written. Name a user for each: --alias BAKRE=USER"));
        Assert.That(await MessagesAsync(), Is.Zero);
    }

    [Test]
    public async Task LoadPlay_AliasToUnknownUser_WritesNothing()
    {
        var run = await RunAsync("--alias", "BAKRE=Nobody");

        Assert.That(run.ExitCode, Is.EqualTo(1));
        Assert.That(run.Error, Does.Contain("--alias BAKRE=Nobody: nobody is called Nobody"));
        Assert.That(await MessagesAsync(), Is.Zero);
    }

    [Test]
    public async Task LoadPlay_AmbiguousSpeaker_WritesNothing()
    {
        await _database.ExecuteAsync("insert into tweet.users (uname, nickname) values ('Ann', 'Anna')");

        var run = await RunAsync("--alias", "BAKRE=Baker");

        Assert.That(run.ExitCode, Is.EqualTo(1));
        Assert.That(run.Error, Does.Contain("ANNA (lines 6, 11) can be anna or Ann"));
        Assert.That(await MessagesAsync(), Is.Zero);
    }

    [Test]
    public async Task LoadPlay_LastSpeechRefused_WritesNothing()
    {
        await _database.ExecuteAsync("alter table tweet.message add constraint awake check (message <> 'The one who sleeps.')");

        var run = await RunAsync("--alias", "BAKRE=Baker");

        Assert.That(run.ExitCode, Is.EqualTo(1));
        Assert.That(run.Error, Does.StartWith("tweetcounts: the database answers: new row for relation \"message\" violates check constraint \"awake\""));
        Assert.That(await MessagesAsync(), Is.Zero);
    }

    [Test]
    public async Task LoadPlay_AliasOfASilentSpeaker_LoadsAndSaysSo()
    {
        var run = await RunAsync("--alias", "BAKRE=Baker", "--alias", "GHOST=anna");

        Assert.That(run.ExitCode, Is.Zero);
        Assert.That(run.Error, Does.Contain("note: --alias GHOST=anna had no effect"));
    }

    [Test]
    public async Task LoadPlay_BrokenXml_SaysWhere()
    {
        await File.WriteAllTextAsync(_file, "<PLAY>\n<SPEECH></PLAY>");

        var run = await RunAsync();

        Assert.That(run.ExitCode, Is.EqualTo(1));
        Assert.That(run.Error, Does.StartWith($"tweetcounts: {Path.GetFileName(_file)}, line 2: not well-formed XML:"));
    }

    [TestCase("--alias", "BAKRE")]
    [TestCase("--alias", "BAKRE=Baker", "--alias", "Bakre=anna")]
    public async Task LoadPlay_UselessAlias_IsBadUsage(params string[] args)
    {
        var run = await RunAsync(args);

        Assert.That(run.ExitCode, Is.EqualTo(2));
        Assert.That(run.Error, Does.EndWith("; see tweetcounts load-play --help"));
    }

    private Task<long> MessagesAsync() => _database.NumberAsync("select count(*) from tweet.message");

    private Task<ToolRun> RunAsync(params string[] args) => ToolRun.RunAsync(["load-play", _file, "--connection", _database.ConnectionString, .. args]);
}
