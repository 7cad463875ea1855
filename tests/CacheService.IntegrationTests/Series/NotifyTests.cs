using CacheService.IntegrationTests.Infrastructure;

namespace CacheService.IntegrationTests.Series;

/// <summary>"PostgreSQL LISTEN/NOTIFY": a cache that is fed by what notifications tell, and what it says where this one is right.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class NotifyTests : SeriesFixture
{
    private Article _article = null!;

    [SetUp]
    public async Task CreateArticle() => _article = await Article.CreateAsync(Database, Article.Notify);

    [TearDown]
    public async Task DropArticle() => await _article.DisposeAsync();

    [Test]
    public async Task SevenRowsOfOneStatement_AreFourNotifications_AndAllCount()
    {
        var message = await PostAsync();
        await using var theirs = await ArticleCache.ListenAsync(Database);
        await theirs.InitializeAsync();

        await Database.ExecuteAsync(
            $"""
            insert into tweet.activity (messageid, action)
            values ({message}, 'rt'), ({message}, 'rt'), ({message}, 'de-rt'), ({message}, 'fav'), ({message}, 'de-fav'), ({message}, 'rt'), ({message}, 'fav')
            """);

        Assert.That(await theirs.ProcessAsync(), Is.EqualTo(4));
        Assert.That(theirs[message], Is.EqualTo((0L, 0L)), "the article's cache");
        Assert.That(await CountsAsync(message), Is.EqualTo((2L, 1L)));
    }

    [Test]
    public async Task FourStatements_AreFourNotifications_AndAllCount()
    {
        var message = await PostAsync();
        await using var theirs = await ArticleCache.ListenAsync(Database);
        await theirs.InitializeAsync();

        foreach (var action in (string[])["rt", "de-rt", "fav", "de-rt"])
            await Database.ExecuteAsync($"insert into tweet.activity (messageid, action) values ({message}, '{action}')");

        Assert.That(await theirs.ProcessAsync(), Is.EqualTo(4));
        Assert.That(theirs[message], Is.EqualTo((-1L, 1L)));
        Assert.That(await CountsAsync(message), Is.EqualTo((-1L, 1L)));
    }

    [Test]
    public async Task Retweets_WhileTheListenerIsAway_AreLostToIt_AndCountHere()
    {
        var message = await PostAsync();
        await using var theirs = await ArticleCache.ListenAsync(Database);
        await theirs.InitializeAsync();
        Assert.That(await CountsAsync(message), Is.EqualTo((0L, 0L)));

        await Database.ExecuteAsync($"select pg_terminate_backend({theirs.ProcessId}, 10000)");
        await new TestDatabaseGate(Database).TerminateServiceAsync();
        await RetweetAsync(message);
        await theirs.ReconnectAsync();
        await RetweetAsync(message);

        Assert.That(await theirs.ProcessAsync(), Is.EqualTo(1));
        Assert.That(theirs[message], Is.EqualTo((1L, 0L)), "the article's cache");
        await Wait.UntilAsync(() => Service.Log.Has("SessionBroken"), RunningService.Patience, "the service has lost its sessions");
        Assert.That(await CountsAsync(message), Is.EqualTo((2L, 0L)));
    }

    [Test]
    public async Task Retweet_BetweenListenAndSelect_CountsTwiceThere_AndOnceHere()
    {
        var message = await PostAsync();
        await using var theirs = await ArticleCache.ListenAsync(Database);

        await RetweetAsync(message);
        await theirs.InitializeAsync();
        Assert.That(await theirs.ProcessAsync(), Is.EqualTo(1));

        Assert.That(theirs[message], Is.EqualTo((2L, 0L)), "the article's cache");
        Assert.That(await CountsAsync(message), Is.EqualTo((1L, 0L)));
    }

    [Test]
    public async Task Restarts_DoubleTheCountersThere_AndChangeNothingHere()
    {
        const int Starts = 2;
        var message = await PostAsync();
        await RetweetAsync(message);
        await RetweetAsync(message);

        for (var start = 1; start <= Starts; start++)
        {
            await using var theirs = await ArticleCache.ListenAsync(Database);
            await theirs.InitializeAsync();
            await theirs.MaterializeAsync();
            await using var ours = await RunningService.StartAsync(Database.ConnectionString);

            Assert.That(await _article.CountersAsync(message), Is.EqualTo((2L * start, 0L)), "the article's table");
            await ours.AssertEqualsViewAsync(Database, $"after start {start}");
        }
    }

    [TestCase("update tweet.activity set action = 'fav' where messageid = {0}", 0, 1, TestName = "ActivityUpdated_IsToldToNobody_AndCounts")]
    [TestCase("delete from tweet.activity where messageid = {0}", 0, 0, TestName = "ActivityDeleted_IsToldToNobody_AndCounts")]
    public async Task Activity_ThatIsNotOnlyInserted_IsToldToNobody_AndCounts(string statement, long rts, long favs)
    {
        var message = await PostAsync();
        await RetweetAsync(message);
        await using var theirs = await ArticleCache.ListenAsync(Database);
        await theirs.InitializeAsync();

        await Database.ExecuteAsync(string.Format(null, statement, message));

        Assert.That(await theirs.ProcessAsync(), Is.Zero);
        Assert.That(theirs[message], Is.EqualTo((1L, 0L)), "the article's cache");
        Assert.That(await CountsAsync(message), Is.EqualTo((rts, favs)));
    }

    private Task RetweetAsync(long messageId) => Database.ExecuteAsync($"insert into tweet.activity (messageid, action) values ({messageId}, 'rt')");
}
