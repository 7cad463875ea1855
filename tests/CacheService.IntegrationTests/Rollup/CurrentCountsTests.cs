using CacheService.IntegrationTests.Infrastructure;
using Npgsql;

namespace CacheService.IntegrationTests.Rollup;

/// <summary>Who reads current counts by SQL.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class CurrentCountsTests
{
    [Test]
    public async Task View_InATransactionOfAnyIsolation_HasWhatThatOneSees([Values("read committed", "repeatable read", "serializable")] string isolation)
    {
        await using var database = await RollupDatabase.CreateAsync();
        await using var reader = await database.OpenAsync();
        await reader.ExecuteAsync($"begin isolation level {isolation}");
        Assert.That(await reader.QueryAsync<long>(RollupDatabase.DifferencesSql), Is.Zero);

        await database.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'fav'), (2, 'de-rt'); delete from tweet.message where messageid = 5");
        await database.RollUpAsync();
        await database.QueryAsync<int>("select twcache.trim(100)");
        Assert.That(await reader.QueryAsync<long>(RollupDatabase.DifferencesSql), Is.Zero, "others have committed, rolled up and trimmed");

        await reader.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'fav'), (3, 'fav'); insert into tweet.message (userid, message) select userid, 'own' from tweet.users");
        await reader.ExecuteAsync("savepoint s; insert into tweet.activity (messageid, action) values (1, 'fav'); rollback to s");
        Assert.That(await reader.QueryAsync<long>(RollupDatabase.DifferencesSql), Is.Zero, "its own changes are among them");
        Assert.That(await reader.QueryAsync<long>("select favs from twcache.counts_of(3)"), Is.EqualTo(1));
        await reader.ExecuteAsync("commit");
        Assert.That(await database.QueryAsync<long>(RollupDatabase.DifferencesSql), Is.Zero);
    }

    [Test]
    public async Task Functions_AskedForSome_AnswerThose()
    {
        await using var database = await RollupDatabase.CreateAsync();
        await database.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'fav'), (1, 'rt')");
        Assert.That(await database.QueryAsync<string>("select string_agg(format('%s %s %s', messageid, rts, favs), ', ' order by messageid) from twcache.counts_of_many(array[1, 2, 99])"), Is.EqualTo("1 2 1, 2 1 0"));
        Assert.That(await database.QueryAsync<string>("select format('%s %s', rts, favs) from twcache.counts_of(1)"), Is.EqualTo("2 1"));
        Assert.That(await database.QueryAsync<long>("select count(*) from twcache.counts_of(99)"), Is.Zero, "there is no such message");
    }

    [Test]
    public async Task Activity_OfNoMessage_CountsForNothingUntilThereIsOne()
    {
        await using var database = await RollupDatabase.CreateAsync();
        await database.ExecuteAsync("set session_replication_role = replica; insert into tweet.activity (messageid, action) values (77, 'fav')");
        await database.RollUpAsync();
        Assert.That(await database.QueryAsync<long>("select count(*) from twcache.counts_of(77)"), Is.Zero);
        await database.ExecuteAsync("insert into tweet.message (messageid, userid, message) select 77, userid, 'late' from tweet.users");
        Assert.That(await database.QueryAsync<long>("select favs from twcache.counts_of(77)"), Is.EqualTo(1));
        await database.RollUpAsync();
        Assert.That(await database.QueryAsync<long>(RollupDatabase.DifferencesSql), Is.Zero);
    }

    [Test]
    public async Task Reader_WithTheRoleForIt_ReadsCountsAndNothingElse()
    {
        await using var database = await RollupDatabase.CreateAsync();
        await database.ExecuteAsync($"revoke twcache_reader from {database.Counts}; grant twcache_sql_reader to {database.Counts}");
        await using var reader = new NpgsqlConnection(database.AsCounts);
        await reader.OpenAsync();
        Assert.That(await reader.QueryAsync<long>("select count(*) from twcache.current_counts"), Is.EqualTo(5));
        Assert.That(await reader.QueryAsync<long>("select rts from twcache.counts_of(1)"), Is.EqualTo(1));
        foreach (var forbidden in (string[])["select twcache.roll_up()", "select count(*) from tweet.activity", "delete from twcache.counters", "delete from twcache.rollup", "select twcache.trim(1)"])
        {
            var error = await Assert.ThrowsAsync<PostgresException>(() => reader.ExecuteAsync(forbidden));
            Assert.That(error!.SqlState, Is.EqualTo(PostgresErrorCodes.InsufficientPrivilege), forbidden);
        }
    }

    [TestCase("select setval('twcache.lease', 1)", "went unrecorded")]
    [TestCase("delete from twcache.rollup", "nothing was rolled up yet")]
    [TestCase("alter table tweet.activity disable trigger user", "triggers")]
    [TestCase("create rule gone as on insert to twcache.change do instead nothing; insert into tweet.activity (messageid, action) values (1, 'fav'); drop rule gone on twcache.change", "others than at the last rollup")]
    [TestCase("truncate tweet.activity", "others than at the last rollup")]
    public async Task Counts_NotKnown_AreAnErrorThatSaysWhatToDo(string sql, string reason)
    {
        await using var database = await RollupDatabase.CreateAsync();
        await database.ExecuteAsync(sql);
        foreach (var read in (string[])["select count(*) from twcache.current_counts", "select count(*) from twcache.counts_of(1)"])
        {
            var error = await Assert.ThrowsAsync<PostgresException>(() => database.ExecuteAsync(read));
            Assert.That(error!.MessageText, Does.Contain(reason), read);
            Assert.That(error.Hint, Does.Contain("roll_up()"), read);
        }
    }
}
