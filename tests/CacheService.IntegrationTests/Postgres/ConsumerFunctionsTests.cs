using CacheService.IntegrationTests.Infrastructure;
using Npgsql;

namespace CacheService.IntegrationTests.Postgres;

/// <summary>What the caches call: register, renew, trim; those of earlier versions, too.</summary>
// Beside other fixtures: it has databases of its own, and measures nothing.
[Parallelizable(ParallelScope.Self)]
internal sealed class ConsumerFunctionsTests
{
    [Test]
    public async Task Renewal_ThatComesLate_ChangesNothing_AndIsNotTakenForALoss()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var connection = await OpenAsync(database);
        await connection.ExecuteAsync("select twcache.register('one', 'one', 30)");
        Assert.That(await connection.QueryAsync<long>("select twcache.renew('one', 3, 0, pg_current_snapshot(), false, 30)"), Is.GreaterThan(0));
        var row = await connection.QueryAsync<string>("select c::text from twcache.consumer c");

        Assert.That(await connection.QueryAsync<long>("select twcache.renew('one', 2, 0, '1:1:', false, 30)"), Is.Zero);
        Assert.That(await connection.QueryAsync<long>("select twcache.renew('one', 3, 0, '1:1:', true, 30)"), Is.Zero);
        Assert.That(await connection.QueryAsync<string>("select c::text from twcache.consumer c"), Is.EqualTo(row));
        Assert.That(await connection.QueryAsync<bool>("select twcache.renew('unknown', 9, 0, null, false, 30) is null"));
    }

    [Test]
    public async Task Renewal_OfAConsumerThatWaits_LetsTheLogBeTrimmed()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var connection = await OpenAsync(database);
        // Two transactions: to a snapshot, its own one has ended once a later one of the server has.
        await connection.ExecuteAsync("select twcache.register('one', 'one', 30)");
        await connection.ExecuteAsync("insert into twcache.change (messageid) select n from generate_series(1, 10) n");
        Assert.That(await connection.QueryAsync<int>("select twcache.trim(100)"), Is.Zero);
        await connection.ExecuteAsync("select twcache.renew('one', 1, 0, null, true, 30)");
        Assert.That(await connection.QueryAsync<int>("select twcache.trim(100)"), Is.EqualTo(10));
        Assert.That(await connection.QueryAsync<bool>("select loaded from twcache.consumer"), Is.False);
    }

    [Test]
    public async Task Trim_BesideAnOpenTransaction_DeletesWhatIsAroundIt_AndTheRestWhenItHasEnded()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var connection = await OpenAsync(database);
        await using var open = await database.OpenAsync();
        await connection.ExecuteAsync("select twcache.register('one', 'one', 30); insert into twcache.change (messageid) values (1)");
        await open.ExecuteAsync("begin; insert into twcache.change (messageid) select 2 from generate_series(1, 1000)");
        await connection.ExecuteAsync("insert into twcache.change (messageid) values (3)");
        await connection.ExecuteAsync("select twcache.renew('one', 1, 0, pg_current_snapshot(), false, 30)");
        Assert.That(await connection.QueryAsync<int>("select twcache.trim(100)"), Is.EqualTo(2));
        await open.ExecuteAsync("commit");
        Assert.That(await connection.QueryAsync<int>("select twcache.trim(100)"), Is.Zero, "not passed yet");
        await connection.ExecuteAsync("select twcache.renew('one', 2, 0, pg_current_snapshot(), false, 30)");
        for (var left = 1000; left > 0; left -= 100)
        {
            Assert.That(await connection.QueryAsync<int>("select twcache.trim(100)"), Is.EqualTo(100));
        }

        Assert.That(await connection.QueryAsync<int>("select twcache.trim(100)"), Is.Zero);
        Assert.That(await connection.QueryAsync<bool>("select passed > '3' from twcache.mutex where name = 'trim'"), "it does not begin from the start again");
        await connection.ExecuteAsync("insert into twcache.change (xid, messageid) values ('5', 1); select twcache.register('two', 'two', 30); select twcache.renew('one', 3, 0, pg_current_snapshot(), false, 30), twcache.renew('two', 3, 0, pg_current_snapshot(), false, 30)");
        Assert.That(await connection.QueryAsync<int>("select twcache.trim(100)"), Is.EqualTo(1), "what a dump has brought goes as well");
    }

    [Test]
    public async Task Trim_WhileNothingMayBeVacuumed_DoesNotWalkAgainWhatIsDeleted([Values(true, false)] bool hasWritten)
    {
        const int Rounds = 6;
        await using var database = await TestDatabase.CreateAsync();
        await using var connection = await OpenAsync(database);
        await using var open = await database.OpenAsync();
        await connection.ExecuteAsync("select twcache.register('one', 'one', 3600)");
        await open.ExecuteAsync(hasWritten ? "begin; insert into twcache.change (messageid) values (2)" : "begin isolation level repeatable read; select count(*) from twcache.change");
        var blocks = new List<long>();
        for (var round = 1; round <= Rounds; round++)
        {
            await connection.ExecuteAsync("insert into twcache.change (messageid) select 1 from generate_series(1, 20000)");
            await connection.ExecuteAsync($"select twcache.renew('one', {round}, 0, pg_current_snapshot(), false, 3600)");
            for (var left = 20_000; left > 0; left -= 5000)
            {
                Assert.That(await connection.QueryAsync<int>("select twcache.trim(5000)"), Is.EqualTo(5000));
            }

            await connection.QueryAsync<int>("select twcache.trim(5000)");
            using var plan = System.Text.Json.JsonDocument.Parse(await connection.QueryAsync<string>("explain (analyze, buffers, format json) select twcache.trim(5000)"));
            blocks.Add(plan.RootElement[0].GetProperty("Plan").GetProperty("Shared Hit Blocks").GetInt64());
        }

        await TestContext.Progress.WriteLineAsync($"blocks that an empty trim reads: {string.Join(", ", blocks)}");
        Assert.That(blocks[^1], Is.LessThan(blocks[0] + 50), "what is deleted does not count");
        await open.ExecuteAsync("commit");
        await connection.ExecuteAsync($"select twcache.renew('one', {Rounds + 1}, 0, pg_current_snapshot(), false, 3600)");
        Assert.That(await connection.QueryAsync<int>("select twcache.trim(5000)"), Is.EqualTo(hasWritten ? 1 : 0));
        Assert.That(await connection.QueryAsync<long>("select count(*) from twcache.change"), Is.Zero);
    }

    [TestCase(2_000_000_000, 3600)]
    [TestCase(-7, 1)]
    [TestCase(30, 30)]
    public async Task Lease_OfAnyLength_IsASecondToAnHour(int asked, int granted)
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var connection = await OpenAsync(database);
        foreach (var call in new[] { $"twcache.register('one', 'one', {asked})", $"twcache.register('two', {asked})", $"twcache.renew('one', 1, 0, null, false, {asked})", $"twcache.renew('one', null, {asked})" })
        {
            var before = await connection.QueryAsync<decimal>("select extract(epoch from clock_timestamp())");
            await connection.ExecuteAsync($"select {call}");
            var after = await connection.QueryAsync<decimal>("select extract(epoch from clock_timestamp())");
            Assert.That(await connection.QueryAsync<decimal>("select extract(epoch from max(expires_at - seen_at)) from twcache.consumer"), Is.InRange(granted, granted + 1m), call);
            Assert.That(await connection.QueryAsync<decimal>("select last_value::numeric from twcache.lease"), Is.InRange(before + granted, after + granted + 1m), call);
        }
    }

    [Test]
    public async Task Lease_OfAClockThatWasFarAhead_IsBroughtBack_AndEveryConsumerIsTold()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var connection = await OpenAsync(database);
        await connection.ExecuteAsync("select twcache.register('one', 'one', 30); select setval('twcache.lease', extract(epoch from now())::bigint + 100000)");
        Assert.That(await connection.QueryAsync<bool>("select recorded from twcache.register('two', 'two', 30)"), Is.False);
        Assert.That(await connection.QueryAsync<decimal>("select last_value - extract(epoch from clock_timestamp()) from twcache.lease"), Is.LessThan(32));
        Assert.That(await connection.QueryAsync<bool>("select twcache.renew('one', 1, 0, null, false, 30) is null"));
        Assert.That(await connection.QueryAsync<bool>("select twcache.renew('two', 1, 0, null, false, 30) > 0"));
    }

    [Test]
    public async Task Renewal_WhileAnybodyHoldsTheAdvisoryLocksOfEarlierVersions_IsNotHeldUp()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var connection = await OpenAsync(database);
        await using var other = await database.OpenAsync();
        await other.ExecuteAsync("select pg_advisory_lock(1951, 4), pg_advisory_lock(1951, 5)");
        await connection.ExecuteAsync("set statement_timeout = '10s'; select twcache.register('one', 'one', 30); select twcache.renew('one', 1, 0, pg_current_snapshot(), false, 30); insert into twcache.change (messageid) values (1)");
        await connection.ExecuteAsync("select twcache.renew('one', 2, 0, pg_current_snapshot(), false, 30)");
        Assert.That(await connection.QueryAsync<int>("select twcache.trim(10)"), Is.EqualTo(1));
    }

    [Test]
    public async Task CallsOfEarlierVersions_DoWhatTheyDid()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var connection = await OpenAsync(database);
        await connection.ExecuteAsync("select recorded, proven_until, identity from twcache.register('first', 30); select recorded, proven_until, identity from twcache.register('second', 30)");
        Assert.That(await connection.QueryAsync<long>("select count(*) from twcache.consumer"), Is.EqualTo(2), "neither has ended the other");
        Assert.That(await connection.QueryAsync<long>("select twcache.renew('first', pg_current_snapshot(), 30)"), Is.EqualTo(await connection.QueryAsync<long>("select last_value from twcache.lease")));
        Assert.That(await connection.QueryAsync<bool>("select loaded from twcache.consumer where name = 'first'"));
        await connection.ExecuteAsync("select twcache.register('third', 'instance', 30); select twcache.register('fourth', 'instance', 30)");
        Assert.That(await connection.QueryAsync<string>("select string_agg(name, ' ' order by name) from twcache.consumer"), Is.EqualTo("first fourth second"));
    }

    [Test]
    public async Task Registration_AfterALabelWasGone_HasEverySessionCountAgain()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var connection = await OpenAsync(database);
        await using var writer = await database.OpenAsync();
        await database.AddMessagesAsync(1);
        await connection.ExecuteAsync("select twcache.register('one', 'one', 30); alter type tweet.action_t rename value 'rt' to 'retweet'");
        await writer.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'retweet')");
        Assert.That(await connection.QueryAsync<bool>("select bool_or(everything) from twcache.change"));

        await connection.ExecuteAsync("alter type tweet.action_t rename value 'retweet' to 'rt'; select twcache.register('two', 'one', 30); delete from twcache.change");
        await writer.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'rt')");
        Assert.That(await connection.QueryAsync<bool>("select bool_or(everything) from twcache.change"), Is.False);
    }

    private static async Task<NpgsqlConnection> OpenAsync(TestDatabase database)
    {
        await database.ApplySchemaAsync();
        return await database.OpenAsync();
    }
}
