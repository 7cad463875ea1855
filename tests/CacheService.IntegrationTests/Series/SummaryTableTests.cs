using CacheService.IntegrationTests.Days;
using CacheService.IntegrationTests.Infrastructure;
using Npgsql;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Series;

/// <summary>"PostgreSQL Event Based Processing": summary tables that triggers keep, and what they say where the cache is right.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class SummaryTableTests : SeriesFixture
{
    private const int Writers = 32;

    [Test]
    public async Task ActivityOfTheArticle_IsCountedAlike()
    {
        await using var article = await Article.CreateAsync(Database, Article.Upsert);
        var (seven, eight) = (await PostAsync(), await PostAsync());

        await Database.ExecuteAsync(
            $"""
            insert into tweet.activity (messageid, action)
            values ({seven}, 'rt'), ({seven}, 'fav'), ({seven}, 'de-fav'), ({eight}, 'rt'), ({eight}, 'rt'), ({eight}, 'rt'), ({eight}, 'de-rt'), ({eight}, 'rt')
            """);

        Assert.That(await article.CountersAsync(seven), Is.EqualTo((1L, 0L)));
        Assert.That(await article.CountersAsync(eight), Is.EqualTo((3L, 0L)));
        Assert.That(await CountsAsync(seven), Is.EqualTo((1L, 0L)));
        Assert.That(await CountsAsync(eight), Is.EqualTo((3L, 0L)));
    }

    [Test]
    public async Task LateActivity_IsOfTheDayOfTheTriggerThere_AndOfItsOwnDayHere()
    {
        await using var article = await Article.CreateAsync(Database, Article.DailyCounters);
        var message = await PostAsync();
        var today = await Database.QueryAsync<string>("select current_date::text");

        // One day of the article, 5 retweets, 1 undone, 1 like, 1 undone; it comes in later.
        await Database.ExecuteAsync(
            $"""
            insert into tweet.activity (messageid, action, datetime)
            select {message}, action::tweet.action_t, '2018-07-16 10:00+00' from unnest(array['rt', 'rt', 'rt', 'rt', 'rt', 'de-rt', 'fav', 'de-fav']) as action
            """);
        Assert.That(await article.DaysAsync(), Is.EqualTo(new[] { $"{today} 5/1/1/1" }), "the article's trigger");
        Assert.That(await DayAsync("2018-07-16"), Is.EqualTo(new[] { "2018-07-16 5/1/1/1" }));

        // Corrected, moved to another day, and deleted.
        await Database.ExecuteAsync($"update tweet.activity set action = 'fav' where messageid = {message} and action = 'de-fav'");
        await Database.ExecuteAsync($"update tweet.activity set datetime = '2018-07-17 10:00+00' where messageid = {message} and action = 'de-rt'");
        await Database.ExecuteAsync($"delete from tweet.activity where messageid = {message} and action = 'rt'");
        Assert.That(await article.DaysAsync(), Is.EqualTo(new[] { $"{today} 5/1/1/1" }), "the article's trigger");
        Assert.That(await DayAsync("2018-07-16"), Is.EqualTo(new[] { "2018-07-16 0/0/2/0" }));
        Assert.That(await DayAsync("2018-07-17"), Is.EqualTo(new[] { "2018-07-17 0/1/0/0" }));
        await Service.AssertDaysEqualRecountAsync(Database);

        async Task<IReadOnlyList<string>> DayAsync(string day) =>
            [.. (await Service.Client.ListDailyCountsAsync(new ListDailyCountsRequest { From = day, To = day, Read = new ReadOptions { Strong = true } })).Days.Select(DaysRecount.Show)];
    }

    [Test]
    public async Task FirstRetweets_OfManyAtOnce_FailInTheTriggerThatUpdatesElseInserts()
    {
        await using var article = await Article.CreateAsync(Database, Article.UpdateElseInsert);
        var message = await PostAsync();

        var failures = await RetweetWhileOneIsOpenAsync(message, waits: true);

        Assert.That(failures, Has.Count.EqualTo(Writers - 1).And.All.EqualTo(PostgresErrorCodes.UniqueViolation));
        Assert.That(await article.CountersAsync(message), Is.EqualTo((1L, 0L)));
        Assert.That(await CountsAsync(message), Is.EqualTo((1L, 0L)), "what failed is not counted");
    }

    [Test]
    public async Task FirstRetweets_OfManyAtOnce_WaitForOneAnotherInTheTriggerThatUpserts()
    {
        await using var article = await Article.CreateAsync(Database, Article.Upsert);
        var message = await PostAsync();

        Assert.That(await RetweetWhileOneIsOpenAsync(message, waits: true), Is.Empty);
        Assert.That(await article.CountersAsync(message), Is.EqualTo(((long)Writers, 0L)));
        Assert.That(await CountsAsync(message), Is.EqualTo(((long)Writers, 0L)));
    }

    [Test]
    public async Task FirstRetweets_OfManyAtOnce_NeitherFailNorWaitHere()
    {
        var message = await PostAsync();

        Assert.That(await RetweetWhileOneIsOpenAsync(message, waits: false), Is.Empty);
        Assert.That(await CountsAsync(message), Is.EqualTo(((long)Writers, 0L)));
    }

    [TestCase("de-rt", -1, 0)]
    [TestCase("de-fav", 0, -1)]
    public async Task FirstActivity_ThatUndoes_CountsBelowZero(string action, long rts, long favs)
    {
        await using var article = await Article.CreateAsync(Database, Article.Upsert);
        var message = await PostAsync();

        await Database.ExecuteAsync($"insert into tweet.activity (messageid, action) values ({message}, '{action}')");

        Assert.That(await article.CountersAsync(message), Is.EqualTo((0L, 0L)), "the article's trigger");
        Assert.That(await CountsAsync(message), Is.EqualTo((rts, favs)));
    }

    [TestCase("update tweet.activity set action = 'fav' where messageid = {0}", 0, 2, TestName = "Activity_Updated_IsCounted")]
    [TestCase("update tweet.activity set messageid = {1} where messageid = {0}", 0, 0, TestName = "Activity_Moved_IsCounted")]
    [TestCase("delete from tweet.activity where id = (select min(id) from tweet.activity where messageid = {0})", 1, 0, TestName = "Activity_Deleted_IsCounted")]
    [TestCase("truncate tweet.activity", 0, 0, TestName = "Activity_Truncated_IsCounted")]
    public async Task Activity_ThatIsNotOnlyInserted_IsCounted(string statement, long rts, long favs)
    {
        await using var article = await Article.CreateAsync(Database, Article.Upsert);
        var (message, other) = (await PostAsync(), await PostAsync());
        await Database.ExecuteAsync($"insert into tweet.activity (messageid, action) values ({message}, 'rt'), ({message}, 'rt')");
        Assert.That(await CountsAsync(message), Is.EqualTo((2L, 0L)));

        await Database.ExecuteAsync(string.Format(null, statement, message, other));

        Assert.That(await article.CountersAsync(message), Is.EqualTo((2L, 0L)), "the article's trigger");
        Assert.That(await CountsAsync(message), Is.EqualTo((rts, favs)));
    }

    [Test]
    public async Task Activity_WhereTheSummaryTableIsMissing_IsAborted()
    {
        await using var article = await Article.CreateAsync(Database, Article.Upsert);
        var message = await PostAsync();
        await Database.ExecuteAsync("drop table article.counters");

        var aborted = await Assert.ThrowsAsync<PostgresException>(() => Database.ExecuteAsync($"insert into tweet.activity (messageid, action) values ({message}, 'rt')"));

        Assert.That(aborted!.SqlState, Is.EqualTo(PostgresErrorCodes.UndefinedTable));
        Assert.That(await CountsAsync(message), Is.EqualTo((0L, 0L)));
    }

    [TestCase("sequence twcache.lapse")]
    [TestCase("table twcache.change_identity")]
    [TestCase("table twcache.consumer")]
    [TestCase("table twcache.mutex")]
    public async Task Activity_WherePlumbingIsMissing_GoesOn(string plumbing)
    {
        var message = await PostAsync();
        await using var writer = await Database.OpenAsync();
        await writer.ExecuteAsync($"begin; drop {plumbing} cascade");

        await writer.ExecuteAsync($"insert into tweet.activity (messageid, action) values ({message}, 'rt')");

        await writer.ExecuteAsync("rollback");
        Assert.That(await CountsAsync(message), Is.EqualTo((0L, 0L)));
    }

    /// <summary>One retweets and holds its transaction open; the others retweet the same message; the one commits.</summary>
    /// <param name="messageId">The message.</param>
    /// <param name="waits">Whether the others must wait for the one; else they must not.</param>
    /// <returns>The SQL states of those that failed.</returns>
    private async Task<IReadOnlyList<string>> RetweetWhileOneIsOpenAsync(long messageId, bool waits)
    {
        var retweet = $"insert into tweet.activity (messageid, action) values ({messageId}, 'rt')";
        await using var first = await Database.OpenAsync();
        await first.ExecuteAsync($"begin; {retweet}");
        var others = new List<NpgsqlConnection>();
        for (var n = 1; n < Writers; n++)
            others.Add(await Database.OpenAsync());

        var retweets = others.Select(other => RetweetAsync(other)).ToList();
        if (waits)
            await WaitForBlockedAsync(others);
        else
            await Task.WhenAll(retweets).WaitAsync(RunningService.Patience);

        await first.ExecuteAsync("commit");
        var states = await Task.WhenAll(retweets);
        foreach (var other in others)
            await other.DisposeAsync();

        return [.. states.OfType<string>()];

        async Task<string?> RetweetAsync(NpgsqlConnection connection)
        {
            try
            {
                await connection.ExecuteAsync(retweet);
                return null;
            }
            catch (PostgresException e)
            {
                return e.SqlState;
            }
        }
    }
}
