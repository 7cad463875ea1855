using CacheService.IntegrationTests.Infrastructure;
using Npgsql;

namespace CacheService.IntegrationTests.Series;

/// <summary>"Computing and Caching": the view, and the materialized view that is as old as its last refresh.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class CachingTests : SeriesFixture
{
    private const string View =
        """
        create view article.message_with_counters as
        select messageid,
               count(*) filter (where action = 'rt')  - count(*) filter (where action = 'de-rt')  as rts,
               count(*) filter (where action = 'fav') - count(*) filter (where action = 'de-fav') as favs
          from tweet.activity
          join tweet.message using (messageid)
         group by messageid
        """;

    private const string MaterializedView =
        """
        create materialized view article.counters as select messageid, rts, favs from tweet.message_with_counters;
        create unique index on article.counters (messageid)
        """;

    [Test]
    public async Task Message_WithoutActivity_IsNotInTheArticlesView_AndCountsZeroHere()
    {
        await using var article = await Article.CreateAsync(Database, View);
        var (quiet, loud) = (await PostAsync(), await PostAsync());
        await Database.ExecuteAsync($"insert into tweet.activity (messageid, action) values ({loud}, 'rt'), ({loud}, 'rt'), ({loud}, 'de-rt'), ({loud}, 'fav')");

        var theirs = await ReadAsync($"select messageid, rts, favs from article.message_with_counters where messageid in ({quiet}, {loud})");

        Assert.That(theirs, Is.EqualTo(new Dictionary<long, (long, long)> { [loud] = (1, 1) }));
        Assert.That(await CountsAsync(loud), Is.EqualTo((1L, 1L)));
        Assert.That(await CountsAsync(quiet), Is.EqualTo((0L, 0L)));
    }

    [Test]
    public async Task Retweets_AfterARefresh_AreNotInTheMaterializedView_AndCountHere()
    {
        const int Before = 10;
        const int Later = 100;
        var message = await PostAsync();
        var retweet = $"insert into tweet.activity (messageid, action) select {message}, 'rt' from generate_series(1, ";
        await Database.ExecuteAsync($"{retweet} {Before})");
        await using var article = await Article.CreateAsync(Database, MaterializedView);

        await Database.ExecuteAsync($"{retweet} {Later})");

        Assert.That(await article.CountersAsync(message), Is.EqualTo(((long)Before, 0L)), "the materialized view");
        Assert.That(await CountsAsync(message), Is.EqualTo((Before + (long)Later, 0L)));

        await Database.ExecuteAsync("refresh materialized view concurrently article.counters");

        Assert.That(await article.CountersAsync(message), Is.EqualTo((Before + (long)Later, 0L)));
        Assert.That(await CountsAsync(message), Is.EqualTo((Before + (long)Later, 0L)));
    }

    private async Task<Dictionary<long, (long, long)>> ReadAsync(string sql)
    {
        await using var connection = await Database.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await using var reader = await command.ExecuteReaderAsync();
        var counts = new Dictionary<long, (long, long)>();
        while (await reader.ReadAsync())
            counts.Add(reader.GetInt64(0), (reader.GetInt64(1), reader.GetInt64(2)));

        return counts;
    }
}
