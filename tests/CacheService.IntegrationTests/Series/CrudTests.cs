using CacheService.IntegrationTests.Infrastructure;
using Grpc.Core;
using Npgsql;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Series;

/// <summary>"Data Modification Language": the tables, who follows whom, and statements that change and delete.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class CrudTests : SeriesFixture
{
    // The counters that the article's messages have in columns are what the third article replaces by activity.
    [TestCase("users", "userid bigint, uname text, nickname text, bio text, picture text")]
    [TestCase("follower", "follower bigint, following bigint")]
    [TestCase("message", "messageid bigint, userid bigint, datetime timestamp with time zone, message text, location point, lang text, url text")]
    public async Task Table_HasTheColumnsOfTheArticle(string table, string columns)
    {
        Assert.That(await ReadColumnsAsync(table), Does.StartWith(columns));
    }

    [Test]
    public async Task Lovers_FollowWhomTheArticlesSelectFinds()
    {
        // The name runs to the full stop that ends the bio.
        var pairs = await ReadPairsAsync(
            """
            select lover.uname, beloved.uname
              from tweet.users lover
              join tweet.users beloved on beloved.uname = substring(lover.bio from 'in love with #?(.*).')
            """);

        Assert.That(pairs, Is.EquivalentTo((string[])["Demetrius > Hermia", "Helena > Demetrius", "Hermia > Lysander", "Lysander > Hermia"]));
        Assert.That(pairs, Is.SubsetOf(await ReadFollowersAsync()));
    }

    [Test]
    public async Task Fairies_FollowTheirKingAndQueen()
    {
        var pairs = await ReadPairsAsync(
            """
            with fairy as (select uname from tweet.users where bio like '%#Fairies%')
            select fairy.uname, ruler.uname from fairy cross join tweet.users ruler where ruler.bio like '%of the fairies%'
            """);

        Assert.That(pairs, Has.Count.EqualTo(10));
        Assert.That(pairs, Is.SubsetOf(await ReadFollowersAsync()));
        Assert.That(await Database.QueryAsync<long>("select count(*) from tweet.follower"), Is.EqualTo(14), "with the four in love");
    }

    [Test]
    public async Task Update_WithADoubleCheck_FindsNothingWhereTheOtherWasFirst()
    {
        await using var one = await Database.OpenAsync();
        await using var other = await Database.OpenAsync();
        var puck = await one.QueryAsync<long>("select userid from tweet.users where uname = 'Puck'");
        await one.ExecuteAsync("begin; update tweet.users set uname = 'Robin' where uname = 'Puck'");
        try
        {
            await using var nickname = new NpgsqlCommand($"update tweet.users set nickname = 'Robin Goodfellow' where userid = {puck} and uname = 'Puck' returning userid", other);
            var updating = nickname.ExecuteScalarAsync();
            await WaitForBlockedAsync(other);
            await one.ExecuteAsync("commit");
            Assert.That(await updating, Is.Null, "no row was there any more");
        }
        finally
        {
            await Database.ExecuteAsync($"update tweet.users set uname = 'Puck' where userid = {puck}");
        }

        Assert.That(await Database.QueryAsync<string>($"update tweet.users set nickname = nickname where userid = {puck} and uname = 'Puck' returning nickname"), Is.EqualTo("Puck"));
    }

    [Test]
    public async Task Nicknames_ThatTheArticlesUpdateGives_AreThoseOfTheCast()
    {
        await using var connection = await Database.OpenAsync();
        await connection.ExecuteAsync("begin; create temp table cast_nickname on commit drop as select userid, nickname from tweet.users; update tweet.users set nickname = null");

        await using var update = new NpgsqlCommand(
            "update tweet.users set nickname = case when uname like '% %' then substring(uname from '[^ ]* (.*)') else uname end where nickname is null", connection);
        Assert.That(await update.ExecuteNonQueryAsync(), Is.EqualTo(29));

        Assert.That(await connection.QueryAsync<long>("select count(*) from tweet.users join cast_nickname n using (userid) where users.nickname is distinct from n.nickname"), Is.Zero);
        await connection.ExecuteAsync("rollback");
    }

    [Test]
    public async Task User_DeletedByADoubleCheck_TakesMessagesAndCountsAlong()
    {
        await Database.ExecuteAsync("insert into tweet.users (uname, bio) values ('CLAUDIUS', 'king of Denmark.')");
        var message = await PostAsync("CLAUDIUS");
        await Database.ExecuteAsync($"insert into tweet.activity (messageid, action) values ({message}, 'rt')");
        Assert.That(await CountsAsync(message), Is.EqualTo((1L, 0L)));
        var userId = await Database.QueryAsync<long>($"select userid from tweet.message where messageid = {message}");

        Assert.That(await Database.QueryAsync<string>($"delete from tweet.users where userid = {userId} and uname = 'CLAUDIUS' returning uname"), Is.EqualTo("CLAUDIUS"));

        Assert.That((await Assert.ThrowsAsync<RpcException>(() => CountsAsync(message)))!.StatusCode, Is.EqualTo(StatusCode.NotFound));
    }

    [Test]
    public async Task Users_DeletedByAnAntiJoin_AreSummarized_AndNobodyElsesCountsChange()
    {
        await Database.ExecuteAsync("insert into tweet.users (uname) values ('HAMLET'), ('POLONIUS'), ('HORATIO'), ('LAERTES'), ('LUCIANUS')");
        var message = await PostAsync();
        await Database.ExecuteAsync($"insert into tweet.activity (messageid, action) values ({message}, 'fav')");

        var summary = await Database.QueryAsync<string>(
            """
            with deleted as (
                delete from tweet.users u where not exists (select from tweet.message m where m.userid = u.userid) returning userid, uname
            )
            select format('%s %s', max(userid) - min(userid), array_agg(uname order by userid)) from deleted
            """);

        Assert.That(summary, Is.EqualTo("4 {HAMLET,POLONIUS,HORATIO,LAERTES,LUCIANUS}"));
        Assert.That(await CountsAsync(message), Is.EqualTo((0L, 1L)));
    }

    [Test]
    public async Task Messages_DeletedByAnAntiJoin_AreGone()
    {
        var (kept, gone) = (await PostAsync(), await PostAsync());
        await Database.ExecuteAsync($"insert into tweet.activity (messageid, action) values ({kept}, 'rt')");

        await Database.ExecuteAsync($"delete from tweet.message m where messageid >= {kept} and not exists (select from tweet.activity a where a.messageid = m.messageid)");

        Assert.That(await CountsAsync(kept), Is.EqualTo((1L, 0L)));
        Assert.That((await Assert.ThrowsAsync<RpcException>(() => CountsAsync(gone)))!.StatusCode, Is.EqualTo(StatusCode.NotFound));
    }

    [Test]
    public async Task Activity_DeletedUsingAnotherTable_IsTakenOff()
    {
        var (pucks, lions) = (await PostAsync("Puck"), await PostAsync("Lion"));
        await Database.ExecuteAsync($"insert into tweet.activity (messageid, action) values ({pucks}, 'rt'), ({pucks}, 'rt'), ({pucks}, 'fav'), ({lions}, 'rt')");
        Assert.That(await CountsAsync(pucks), Is.EqualTo((2L, 1L)));

        await Database.ExecuteAsync("delete from tweet.activity a using tweet.message m join tweet.users u using (userid) where a.messageid = m.messageid and u.uname = 'Puck' and a.action = 'rt'");

        Assert.That(await CountsAsync(pucks), Is.EqualTo((0L, 1L)));
        Assert.That(await CountsAsync(lions), Is.EqualTo((1L, 0L)));
    }

    [TestCase("rollback", 2)]
    [TestCase("commit", 0)]
    public async Task Truncate_RolledBackOrCommitted_CountsAsTheTableSays(string end, long rts)
    {
        var message = await PostAsync();
        await Database.ExecuteAsync($"insert into tweet.activity (messageid, action) values ({message}, 'rt'), ({message}, 'rt')");
        Assert.That(await CountsAsync(message), Is.EqualTo((2L, 0L)));
        var epoch = await ReadEpochAsync();

        await Database.ExecuteAsync($"begin; truncate tweet.activity; {end}");

        Assert.That(await CountsAsync(message), Is.EqualTo((rts, 0L)));
        Assert.That(await ReadEpochAsync(), rts > 0 ? Is.EqualTo(epoch) : Is.Not.EqualTo(epoch), "what was rolled back is no reason to load afresh");
    }

    [Test]
    public async Task Truncate_BesideAnOldSnapshot_LooksEmptyToIt_AndCountsAsTheTableSays()
    {
        var message = await PostAsync();
        await Database.ExecuteAsync($"insert into tweet.activity (messageid, action) values ({message}, 'rt')");
        await using var old = await Database.OpenAsync();
        await old.ExecuteAsync("begin isolation level repeatable read; select from tweet.users");

        await Database.ExecuteAsync($"begin; truncate tweet.activity; insert into tweet.activity (messageid, action) values ({message}, 'fav'); commit");

        Assert.That(await old.QueryAsync<long>("select count(*) from tweet.activity"), Is.Zero, "neither the old rows nor the new one");
        Assert.That(await CountsAsync(message), Is.EqualTo((0L, 1L)));
        await old.ExecuteAsync("commit");
    }

    private Task<IReadOnlyList<string>> ReadFollowersAsync() => ReadPairsAsync(
        "select f.uname, u.uname from tweet.follower join tweet.users f on f.userid = follower join tweet.users u on u.userid = following");

    private async Task<IReadOnlyList<string>> ReadPairsAsync(string sql)
    {
        await using var connection = await Database.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await using var reader = await command.ExecuteReaderAsync();
        var pairs = new List<string>();
        while (await reader.ReadAsync())
            pairs.Add($"{reader.GetString(0)} > {reader.GetString(1)}");

        return pairs;
    }

    private async Task<string> ReadEpochAsync() => (await Service.Client.GetStatusAsync(new GetStatusRequest())).Epoch;
}
