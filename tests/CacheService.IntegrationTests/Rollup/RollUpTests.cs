using CacheService.IntegrationTests.AnyDatabase;
using CacheService.IntegrationTests.Infrastructure;
using Npgsql;

namespace CacheService.IntegrationTests.Rollup;

/// <summary><c>twcache.roll_up()</c>, with no service running.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class RollUpTests
{
    private const string Retweet = "insert into tweet.activity (messageid, action) select messageid, 'rt' from tweet.message";

    [Test]
    public async Task RollUp_CalledAgain_CountsNothingTwice()
    {
        await using var database = await TrialDatabase.CreateAsync();
        await using var connection = await database.OpenAsync();
        var first = await connection.RollUpAsync();
        Assert.That((first.Counted, first.Detail), Is.EqualTo((false, "the next call counts all activity")));
        Assert.That(await connection.RollUpAsync(), Is.EqualTo((true, 5L, "")));
        Assert.That(await connection.RollUpAsync(), Is.EqualTo((true, 0L, "")));

        await database.ExecuteAsync(Retweet);
        Assert.That(await database.QueryAsync<long>("select sum(rts)::bigint from twcache.counters"), Is.EqualTo(5), "until it is rolled up");
        Assert.That(await connection.RollUpAsync(), Is.EqualTo((true, 5L, "")));
        Assert.That(await connection.RollUpAsync(), Is.EqualTo((true, 0L, "")));
        Assert.That(await database.QueryAsync<long>("select sum(rts)::bigint from twcache.counters"), Is.EqualTo(10));
    }

    [Test]
    public async Task RollUp_RolledBack_ChangesNothing()
    {
        await using var database = await RollupDatabase.CreateAsync();
        await database.ExecuteAsync(Retweet);
        await using (var connection = await database.OpenAsync())
        {
            await connection.ExecuteAsync("begin");
            Assert.That((await connection.RollUpAsync()).Changed, Is.EqualTo(5));
            await connection.ExecuteAsync("rollback");
        }

        Assert.That(await database.QueryAsync<long>(RollupDatabase.DifferencesSql), Is.Zero);
        await database.RollUpAsync();
        Assert.That(await database.QueryAsync<long>("select sum(rts)::bigint from twcache.counters"), Is.EqualTo(10));
    }

    [Test]
    public async Task RollUp_InATransactionThatHasWritten_IsRefused()
    {
        await using var database = await RollupDatabase.CreateAsync();
        await using var connection = await database.OpenAsync();
        await connection.ExecuteAsync($"begin; {Retweet}");
        var error = await Assert.ThrowsAsync<PostgresException>(() => connection.RollUpAsync());
        Assert.That(error!.MessageText, Does.Contain("a transaction of its own"));
    }

    [Test]
    public async Task Writes_AfterARollUpInItsTransaction_AreCountedOnce()
    {
        await using var database = await RollupDatabase.CreateAsync();
        await using var connection = await database.OpenAsync();
        await connection.ExecuteAsync("begin");
        await connection.RollUpAsync();
        // Later transactions end before: the snapshot that is stored lies above the own one.
        await database.ExecuteAsync(Retweet);
        await connection.ExecuteAsync("commit; begin; select pg_current_xact_id()");
        await connection.ExecuteAsync("rollback; begin");
        await using (var other = await database.OpenAsync())
        {
            await other.ExecuteAsync($"begin; {Retweet}");
            await connection.RollUpAsync();
            await other.ExecuteAsync("commit");
        }

        await connection.ExecuteAsync($"{Retweet}; commit");
        Assert.That(await database.QueryAsync<long>(RollupDatabase.DifferencesSql), Is.Zero);
        await database.RollUpAsync();
        Assert.That(await database.QueryAsync<long>("select sum(rts)::bigint from twcache.counters"), Is.EqualTo(20));
    }

    [Test]
    public async Task RollUp_WhileAnotherIsAtWork_SaysSo()
    {
        await using var database = await RollupDatabase.CreateAsync();
        await using var one = await database.OpenAsync();
        await using var other = await database.OpenAsync();
        await one.ExecuteAsync("begin");
        await one.RollUpAsync();
        Assert.That(await other.RollUpAsync(), Is.EqualTo((false, 0L, "another session is rolling up")));
        await one.ExecuteAsync("commit");
        Assert.That((await other.RollUpAsync()).Counted);
    }

    [Test]
    public async Task RollUp_Killed_IsNeitherLostNorCountedTwice()
    {
        const int Kills = 20;
        await using var database = await RollupDatabase.CreateAsync();
        var killed = 0;
        for (var n = 0; n < Kills; n++)
        {
            await database.ExecuteAsync($"{Retweet}; insert into tweet.message (userid, message) select userid, 'more' from tweet.users, generate_series(1, 200)");
            await using var connection = await database.OpenAsync();
            var pid = connection.ProcessID;
            var rolling = connection.RollUpAsync();
            await database.QueryAsync<bool>($"select pg_terminate_backend({pid})");
            try
            {
                await rolling;
            }
            catch (NpgsqlException)
            {
                killed++;
            }

            Assert.That(await database.QueryAsync<long>(RollupDatabase.DifferencesSql), Is.Zero);
        }

        await TestContext.Progress.WriteLineAsync($"{killed} of {Kills} rollups were killed at work");
        Assert.That(killed, Is.GreaterThan(0));
        await database.RollUpAsync();
        Assert.That(await database.QueryAsync<long>(RollupDatabase.DifferencesSql), Is.Zero);
    }

    [Test]
    public async Task FirstRollUp_BesideAnEarlierTransaction_WaitsForItsEnd()
    {
        await using var database = await TrialDatabase.CreateAsync();
        await using var writer = await database.OpenAsync();
        await using var connection = await database.OpenAsync();
        await writer.ExecuteAsync($"begin; {Retweet}");
        await connection.RollUpAsync();
        var second = await connection.RollUpAsync();
        Assert.That(second.Counted, Is.False);
        Assert.That(second.Detail, Does.Contain($"pid {writer.ProcessID}"));
        await writer.ExecuteAsync("commit");
        Assert.That((await connection.RollUpAsync()).Counted);
        Assert.That(await database.QueryAsync<long>(RollupDatabase.DifferencesSql), Is.Zero);
    }

    [TestCase("truncate tweet.activity", TestName = "RollUp_AfterATruncate_CountsAfresh")]
    [TestCase("alter table tweet.activity disable trigger user; insert into tweet.activity (messageid, action) values (1, 'fav'); alter table tweet.activity enable trigger user; select twcache.install_triggers()", TestName = "RollUp_AfterTriggersWereDisabledForAMoment_CountsAfresh")]
    [TestCase("create rule gone as on insert to twcache.change do instead nothing; insert into tweet.activity (messageid, action) values (1, 'fav'); drop rule gone on twcache.change", TestName = "RollUp_AfterARuleOnTheLog_CountsAfresh")]
    [TestCase("update twcache.rollup set snapshot = pg_current_snapshot(); insert into tweet.activity (messageid, action) values (1, 'fav')", TestName = "RollUp_AfterItsRowWasWrittenByHand_CountsAfresh")]
    [TestCase("select setval('twcache.lapse', last_value + 1) from twcache.lapse", TestName = "RollUp_AfterALapse_CountsAfresh")]
    public async Task RollUp_AfterWhatTheLogDoesNotTell_CountsAfresh(string sql)
    {
        await using var database = await RollupDatabase.CreateAsync();
        await database.ExecuteAsync(Retweet);
        await database.ExecuteAsync(sql);
        var error = await Assert.ThrowsAsync<PostgresException>(() => database.QueryAsync<long>(RollupDatabase.DifferencesSql));
        Assert.That(error!.MessageText, Does.StartWith("the current counts are not known: "));
        await TestContext.Progress.WriteLineAsync(error.MessageText);

        await using var connection = await database.OpenAsync();
        var next = await connection.RollUpAsync();
        Assert.That((next.Counted, next.Detail), Is.EqualTo((false, "the next call counts all activity")));
        await database.RollUpAsync();
        Assert.That(await database.QueryAsync<long>(RollupDatabase.DifferencesSql), Is.Zero);
    }

    [Test]
    public async Task RollUp_WithATriggerMissing_SaysWhichAndKeepsNothing()
    {
        await using var database = await RollupDatabase.CreateAsync();
        await database.ExecuteAsync("drop trigger twcache_activity_insert on tweet.activity");
        await using var connection = await database.OpenAsync();
        var rolled = await connection.RollUpAsync();
        Assert.That(rolled.Counted, Is.False);
        Assert.That(rolled.Detail, Does.Contain("twcache_activity_insert"));
        Assert.That(await database.QueryAsync<long>("select count(*) from twcache.rollup"), Is.Zero);
    }

    [Test]
    public async Task Log_BetweenRollups_IsKeptForTheNextAndTrimmedAfterIt()
    {
        await using var database = await RollupDatabase.CreateAsync();
        await database.ExecuteAsync(Retweet);
        Assert.That(await database.QueryAsync<int>("select twcache.trim(100)"), Is.Zero, "the rollup needs them");
        await database.RollUpAsync();
        Assert.That(await database.QueryAsync<int>("select twcache.trim(100)"), Is.EqualTo(5));
        Assert.That(await database.QueryAsync<long>(RollupDatabase.DifferencesSql), Is.Zero);
    }

    [Test]
    public async Task Rollup_NotKeptAnyLonger_LetsTheLogGo()
    {
        await using var database = await TrialDatabase.CreateAsync();
        await using (var connection = await database.OpenAsync())
        {
            await connection.RollUpAsync(keepSeconds: 1);
            await connection.RollUpAsync(keepSeconds: 1);
        }

        await database.ExecuteAsync(Retweet);
        await Wait.UntilAsync(() => database.QueryAsync<bool>("select clock_timestamp() > (select keep_until from twcache.rollup) + interval '1 second'"), RunningService.Patience, "its time is over");
        await database.ExecuteAsync(Retweet);
        await database.ExecuteAsync("select twcache.register('a', 'a', 30)");
        await database.QueryAsync<int>("select twcache.trim(100)");
        Assert.That(await database.QueryAsync<long>("select count(*) from twcache.rollup"), Is.Zero);
        Assert.That(await database.QueryAsync<long>("select count(*) from twcache.change"), Is.Zero, "the log is empty, and what came when the lease was over was not recorded");
    }
}
