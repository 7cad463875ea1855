using CacheService.IntegrationTests.Infrastructure;
using Npgsql;

namespace CacheService.IntegrationTests.Series;

/// <summary>"Modeling for Concurrency": activity that is inserted, never updated.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class ModelingTests : SeriesFixture
{
    [Test]
    public async Task Activity_HasTheColumnsAndLabelsOfTheArticle()
    {
        Assert.That(await ReadColumnsAsync("activity"), Does.StartWith("id bigint, messageid bigint, datetime timestamp with time zone, action tweet.action_t"));
        Assert.That(await Database.QueryAsync<string>("select enum_range(null::tweet.action_t)::text"), Is.EqualTo("{rt,fav,de-rt,de-fav}"));
    }

    [Test]
    public async Task Activity_RefusedByAUniqueConstraint_CountsForNothing()
    {
        var message = await PostAsync();
        await Database.ExecuteAsync("alter table tweet.activity add constraint article_unique unique (messageid, datetime, action)");
        try
        {
            // One transaction has one now().
            var retweet = $"insert into tweet.activity (messageid, action) values ({message}, 'rt')";
            var refused = await Assert.ThrowsAsync<PostgresException>(() => Database.ExecuteAsync($"{retweet}; {retweet}"));
            Assert.That(refused!.SqlState, Is.EqualTo(PostgresErrorCodes.UniqueViolation));
            Assert.That(await CountsAsync(message), Is.EqualTo((0L, 0L)));

            var noon = $"insert into tweet.activity (messageid, datetime, action) select {message}, '2018-07-10 12:00+02', 'rt' from generate_series(1, 3)";
            await Database.ExecuteAsync($"{noon} on conflict do nothing; {noon} on conflict do nothing");
            Assert.That(await CountsAsync(message), Is.EqualTo((1L, 0L)));
            await Database.ExecuteAsync(
                $"""
                insert into tweet.activity (messageid, datetime, action) values ({message}, '2018-07-10 12:00+02', 'rt'), ({message}, '2018-07-10 12:00+02', 'fav')
                on conflict (messageid, datetime, action) do update set action = 'de-fav'
                """);
            Assert.That(await CountsAsync(message), Is.EqualTo((0L, 0L)), "the retweet has become an undoing of a like, beside the new like");
        }
        finally
        {
            await Database.ExecuteAsync("alter table tweet.activity drop constraint article_unique");
        }
    }

    [TestCase(32, 10)]
    public async Task Workers_OnOneMessage_AreAllCounted(int workers, int retweets)
    {
        var message = await PostAsync();

        await Task.WhenAll(Enumerable.Range(1, workers).Select(worker => Task.Run(async () =>
        {
            await using var connection = await Database.OpenAsync();
            await connection.ExecuteAsync($"set application_name to 'worker {worker}'");
            for (var n = 0; n < retweets; n++)
                await connection.ExecuteAsync($"insert into tweet.activity (messageid, action) values ({message}, 'rt')");
        })));

        Assert.That(await CountsAsync(message), Is.EqualTo(((long)workers * retweets, 0L)));
    }
}
