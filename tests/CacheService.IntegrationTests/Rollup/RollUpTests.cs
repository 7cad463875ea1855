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
        await using var killer = await database.OpenAsync();
        var killed = 0;
        for (var n = 0; n < Kills; n++)
        {
            await database.ExecuteAsync($"{Retweet}; insert into tweet.message (userid, message) select userid, 'more' from tweet.users, generate_series(1, 200)");
            await using var connection = await database.OpenAsync();
            var rolling = connection.RollUpAsync();
            await killer.QueryAsync<bool>($"select pg_terminate_backend({connection.ProcessID})");
            killed += await IsKilledAsync(rolling) ? 1 : 0;
            Assert.That(await database.QueryAsync<long>(RollupDatabase.DifferencesSql), Is.Zero);
        }

        await TestContext.Progress.WriteLineAsync($"{killed} of {Kills} rollups were killed at work");

        // One is held when it has written everything, because on a slow machine all of those may end before the kill. Not by a lock: it
        // gives up waiting for one after half a second.
        await killer.ExecuteAsync(
            $"""
            {Retweet};
            create function public.hold() returns trigger language plpgsql as $$ begin perform pg_sleep(600); return null; end $$;
            create trigger hold after insert or update on twcache.counters for each statement execute function public.hold()
            """);
        await using (var connection = await database.OpenAsync())
        {
            var pid = connection.ProcessID;
            var rolling = connection.RollUpAsync();
            await Wait.UntilAsync(
                () => killer.QueryAsync<bool>($"select exists (select from pg_stat_activity where pid = {pid} and wait_event = 'PgSleep')"), RunningService.Patience, "the rollup is held");
            await killer.QueryAsync<bool>($"select pg_terminate_backend({pid})");
            Assert.That(await IsKilledAsync(rolling));
        }

        await killer.ExecuteAsync("drop trigger hold on twcache.counters; drop function public.hold()");
        Assert.That(await database.QueryAsync<long>(RollupDatabase.DifferencesSql), Is.Zero);
        await database.RollUpAsync();
        Assert.That(await database.QueryAsync<long>(RollupDatabase.DifferencesSql), Is.Zero);

        static async Task<bool> IsKilledAsync(Task rolling)
        {
            try
            {
                await rolling;
                return false;
            }
            catch (NpgsqlException)
            {
                return true;
            }
        }
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

    [TestCase("update twcache.counters set rts = 100", "nothing was rolled up yet", TestName = "Counters_WrittenByHand_AreNotKnown")]
    [TestCase("truncate twcache.counters", "nothing was rolled up yet", TestName = "Counters_Truncated_AreNotKnown")]
    [TestCase("alter table twcache.change enable row level security", "hides rows", TestName = "Log_WithRowSecurity_MakesCountsUnknown")]
    [TestCase("alter table twcache.counters enable row level security", "hides rows", TestName = "Counters_WithRowSecurity_AreNotKnown")]
    [TestCase("alter table twcache.rollup set unlogged", "a restore has brought", TestName = "Rollup_Unlogged_MakesCountsUnknown")]
    [TestCase("alter table twcache.change set unlogged", "others than at the last rollup", TestName = "Log_Unlogged_MakesCountsUnknown")]
    [TestCase("vacuum full twcache.counters", "others than at the last rollup", TestName = "Counters_Rewritten_AreNotKnown")]
    public async Task Counts_AfterItsOwnTablesWereChanged_AreAnError(string sql, string reason)
    {
        await using var database = await RollupDatabase.CreateAsync();
        await using var connection = await database.OpenAsync();
        await using var older = await database.OpenAsync();
        await older.ExecuteAsync("begin isolation level repeatable read; select 1");
        await connection.ExecuteAsync(sql);
        var error = await Assert.ThrowsAsync<PostgresException>(() => connection.QueryAsync<long>(RollupDatabase.DifferencesSql));
        Assert.That(error!.MessageText, Does.StartWith("the current counts are not known: ").And.Contains(reason));
        try
        {
            Assert.That(await older.QueryAsync<long>(RollupDatabase.DifferencesSql), Is.Zero, "an older snapshot");
        }
        catch (PostgresException e)
        {
            Assert.That(e.MessageText, Does.StartWith("the current counts are not known: "));
        }

        await older.ExecuteAsync("rollback");
        await connection.ExecuteAsync("alter table twcache.change set logged; alter table twcache.rollup set logged; alter table twcache.change disable row level security; alter table twcache.counters disable row level security");
        await database.RollUpAsync();
        Assert.That(await database.QueryAsync<long>(RollupDatabase.DifferencesSql), Is.Zero);
    }

    [Test]
    public async Task Rollup_AfterARestoreSetLeaseAndLapseBack_IsNotTrusted()
    {
        await using var database = await RollupDatabase.CreateAsync();
        var (lease, lapse) = (await database.QueryAsync<long>("select last_value from twcache.lease"), await database.QueryAsync<long>("select last_value from twcache.lapse"));
        // What a restore of twcache's own data does, of a dump from before the last lapse.
        await database.ExecuteAsync($"select setval('twcache.lease', {lease - 10_000}), setval('twcache.lapse', {lapse - 1})");
        await database.ExecuteAsync(Retweet);
        await database.ExecuteAsync("select twcache.register('a', 'a', 30)");
        var error = await Assert.ThrowsAsync<PostgresException>(() => database.QueryAsync<long>(RollupDatabase.DifferencesSql));
        Assert.That(error!.MessageText, Does.Contain("went unrecorded"));
        await database.RollUpAsync();
        Assert.That(await database.QueryAsync<long>(RollupDatabase.DifferencesSql), Is.Zero);
    }

    [Test]
    public async Task Count_AroundWhichAPartitionCameAndWent_IsNotKept()
    {
        await using var database = await TrialDatabase.CreateAsync(Shapes.ActivityByRange);
        await database.ExecuteAsync("create table tweet.extra (like tweet.activity including all); insert into tweet.extra (id, messageid, datetime, action) select 1000 + n, 1, '1990-01-01', 'fav' from generate_series(1, 7) n; alter table tweet.activity detach partition tweet.activity_old; select twcache.install_triggers()");
        await using var connection = await database.OpenAsync();
        await using var other = await database.OpenAsync();
        await other.ExecuteAsync($"begin; {Retweet}");
        await connection.RollUpAsync();
        Assert.That((await connection.RollUpAsync()).Detail, Does.StartWith("waiting"));
        // Later than what it waits for.
        await other.ExecuteAsync("commit; begin; lock table tweet.message in access exclusive mode");
        var pid = connection.ProcessID;
        var counting = connection.RollUpAsync();
        await Wait.UntilAsync(() => database.QueryAsync<bool>($"select exists (select from pg_stat_activity where pid = {pid} and wait_event_type = 'Lock')"), RunningService.Patience, "it waits to count");
        await other.ExecuteAsync("alter table tweet.activity attach partition tweet.extra for values from (minvalue) to ('2000-01-01'); commit");
        Assert.That((await Assert.ThrowsAsync<PostgresException>(() => counting))!.SqlState, Is.EqualTo(PostgresErrorCodes.SerializationFailure).Or.EqualTo(PostgresErrorCodes.LockNotAvailable));
        await database.ExecuteAsync("alter table tweet.activity detach partition tweet.extra; select twcache.install_triggers()");
        await database.RollUpAsync();
        Assert.That(await database.QueryAsync<long>(RollupDatabase.DifferencesSql), Is.Zero);
    }

    [Test]
    public async Task RollUp_InATransactionLeftOpen_HoldsUpNoRenewal()
    {
        await using var database = await RollupDatabase.CreateAsync();
        await using var connection = await database.OpenAsync();
        await connection.ExecuteAsync("begin");
        Assert.That((await connection.RollUpAsync()).Counted);
        await database.ExecuteAsync("set lock_timeout = '100ms'; select twcache.register('a', 'a', 30), twcache.renew('a', 1, 0, null, false, 30)");
        await connection.ExecuteAsync("commit");
    }

    [Test]
    public async Task RollUp_InASavepoint_IsRefused()
    {
        await using var database = await RollupDatabase.CreateAsync();
        await using var connection = await database.OpenAsync();
        await connection.ExecuteAsync("begin; savepoint s");
        Assert.That((await Assert.ThrowsAsync<PostgresException>(() => connection.RollUpAsync()))!.MessageText, Does.Contain("savepoint"));
        await connection.ExecuteAsync("rollback");
        Assert.That(await database.QueryAsync<long>(RollupDatabase.DifferencesSql), Is.Zero, "what was there is as good as before");
    }

    [Test]
    public async Task RollUp_AskedToKeepForEver_KeepsForAnHour()
    {
        await using var database = await TrialDatabase.CreateAsync();
        await using var connection = await database.OpenAsync();
        await connection.RollUpAsync(keepSeconds: 2_000_000_000);
        await connection.RollUpAsync(keepSeconds: 2_000_000_000);
        Assert.That(await database.QueryAsync<bool>("select keep_until < clock_timestamp() + interval '61 minutes' from twcache.rollup"));
    }

    [Test]
    public async Task RollUp_Waiting_KeepsNoLog()
    {
        await using var database = await TrialDatabase.CreateAsync();
        await using var writer = await database.OpenAsync();
        await using var connection = await database.OpenAsync();
        await writer.ExecuteAsync($"begin; {Retweet}");
        await database.ExecuteAsync("select twcache.register('a', 'a', 600)");
        await connection.RollUpAsync();
        await database.ExecuteAsync($"{Retweet}; select twcache.renew('a', 1, 0, pg_current_snapshot(), false, 600)");
        Assert.That(await database.QueryAsync<int>("select twcache.trim(100)"), Is.Zero, "the first call wants it");
        Assert.That((await connection.RollUpAsync()).Detail, Does.Contain("waiting"));
        await database.ExecuteAsync("select twcache.renew('a', 2, 0, pg_current_snapshot(), false, 600)");
        Assert.That(await database.QueryAsync<int>("select twcache.trim(100)"), Is.EqualTo(5));
        await writer.ExecuteAsync("commit");
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
        await Wait.UntilAsync(TryRollUpAsync, RunningService.Patience, "the counts are rolled up");

        await database.ExecuteAsync(Retweet);
        await Wait.UntilAsync(() => database.QueryAsync<bool>("select clock_timestamp() > (select keep_until from twcache.rollup) + interval '1 second'"), RunningService.Patience, "its time is over");
        await database.ExecuteAsync(Retweet);
        await database.ExecuteAsync("select twcache.register('a', 'a', 30)");
        await database.QueryAsync<int>("select twcache.trim(100)");
        Assert.That(await database.QueryAsync<long>("select count(*) from twcache.rollup"), Is.Zero);
        Assert.That(await database.QueryAsync<long>("select count(*) from twcache.change"), Is.Zero, "the log is empty, and what came when the lease was over was not recorded");

        async Task<bool> TryRollUpAsync()
        {
            await using var connection = await database.OpenAsync();
            try
            {
                return (await connection.RollUpAsync(keepSeconds: 2)).Counted;
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.QueryCanceled)
            {
                // The time of the one before ran out: leases end at whole seconds, and a slow machine needs longer.
                return false;
            }
        }
    }
}
