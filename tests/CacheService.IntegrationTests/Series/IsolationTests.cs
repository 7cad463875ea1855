using CacheService.IntegrationTests.Infrastructure;
using Npgsql;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Series;

/// <summary>"Isolation and Locking": two sessions that retweet the same message, at each level; savepoints; long readers.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class IsolationTests : SeriesFixture
{
    [TestCase("read committed", 3)]
    [TestCase("repeatable read", 2)]
    [TestCase("serializable", 2)]
    public async Task TwoRetweets_ThatAlsoUpdateACounter_CountWhatHasCommitted(string level, long counter)
    {
        await using var article = await Article.CreateAsync(Database, Article.CounterColumn);
        var message = await PostAsync();
        await Database.ExecuteAsync($"insert into article.message values ({message}, 1); insert into tweet.activity (messageid, action) values ({message}, 'rt')");
        var insert = $"begin isolation level {level}; insert into tweet.activity (messageid, action) values ({message}, 'rt')";
        var update = $"update article.message set rts = rts + 1 where messageid = {message}";
        await using var first = await Database.OpenAsync();
        await using var second = await Database.OpenAsync();
        await first.ExecuteAsync(insert);
        await second.ExecuteAsync(insert);

        await first.ExecuteAsync(update);
        var waiting = second.ExecuteAsync(update);
        await WaitForBlockedAsync(second);
        await first.ExecuteAsync("commit");
        if (level == "read committed")
        {
            await waiting;
        }
        else
        {
            var refused = await Assert.ThrowsAsync<PostgresException>(() => waiting);
            Assert.That(refused!.SqlState, Is.EqualTo(PostgresErrorCodes.SerializationFailure));
        }

        // Of the one that has failed, it answers ROLLBACK.
        await second.ExecuteAsync("commit");

        Assert.That(await Database.QueryAsync<long>($"select rts from article.message where messageid = {message}"), Is.EqualTo(counter));
        Assert.That(await CountsAsync(message), Is.EqualTo((counter, 0L)));
    }

    [TestCase("read committed")]
    [TestCase("repeatable read")]
    [TestCase("serializable")]
    public async Task ManyRetweets_ByInsertsOnly_NeitherWaitNorFail(string level)
    {
        const int Sessions = 8;
        const int Rounds = 5;
        var message = await PostAsync();
        var sessions = new List<NpgsqlConnection>();
        for (var n = 0; n < Sessions; n++)
            sessions.Add(await Database.OpenAsync());

        // All are open at once and have written before the first commits, so that a trigger that read what another one writes would fail them.
        for (var round = 0; round < Rounds; round++)
        {
            foreach (var step in (string[])[$"begin isolation level {level}; select from tweet.users", $"insert into tweet.activity (messageid, action) values ({message}, 'rt')", "commit"])
            {
                foreach (var session in sessions)
                    await session.ExecuteAsync(step);
            }
        }

        foreach (var session in sessions)
            await session.DisposeAsync();

        Assert.That(await CountsAsync(message), Is.EqualTo(((long)Sessions * Rounds, 0L)));
    }

    [Test]
    public async Task Savepoints_OfPsqlAndOfExceptionBlocks_CountWhatIsKept()
    {
        var message = await PostAsync();
        var insert = $"insert into tweet.activity (messageid, action) values ({message}, ";

        // A savepoint before each statement, to which psql goes back where the statement fails.
        await PostgresTools.RunAsync(
            "psql", Database.ConnectionString, "-X", "-q", "-v", "ON_ERROR_ROLLBACK=on",
            "-c", "begin", "-c", $"{insert} 'rt')", "-c", $"{insert} 'rt'), ({message}, 'applause')", "-c", $"{insert} 'rt')", "-c", "commit");
        Assert.That(await CountsAsync(message), Is.EqualTo((2L, 0L)));

        await Database.ExecuteAsync(
            $"""
            begin;
            {insert} 'fav');
            savepoint one;
            {insert} 'rt');
            do $$
            begin
                {insert} 'rt');
                raise 'not this';
            exception when others then
                {insert} 'fav');
            end
            $$;
            rollback to savepoint one;
            do $$
            begin
                {insert} 'rt');
                raise 'not this either';
            exception when others then
                {insert} 'fav');
            end
            $$;
            commit
            """);
        Assert.That(await CountsAsync(message), Is.EqualTo((2L, 2L)));
    }

    [Test]
    public async Task Reader_OnALongSnapshot_SeesTheOldCounts_AndHoldsNobodyBack()
    {
        const int Retweets = 50;
        var message = await PostAsync();
        await using var reader = await Database.OpenAsync();
        await reader.ExecuteAsync("begin isolation level repeatable read; select pg_current_xact_id()");
        var count = $"select rts from tweet.message_with_counters where messageid = {message}";
        Assert.That(await reader.QueryAsync<long>(count), Is.Zero);

        for (var n = 0; n < Retweets; n++)
            await Database.ExecuteAsync($"insert into tweet.activity (messageid, action) values ({message}, 'rt')");

        Assert.That(await CountsAsync(message), Is.EqualTo(((long)Retweets, 0L)));
        Assert.That((await Service.Client.GetStatusAsync(new GetStatusRequest())).State, Is.EqualTo(FeedState.Live));
        Assert.That(await reader.QueryAsync<long>(count), Is.Zero);
        await reader.ExecuteAsync("commit");
    }
}
