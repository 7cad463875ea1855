using CacheService.IntegrationTests.Infrastructure;

namespace CacheService.IntegrationTests.AnyDatabase;

/// <summary>What is as before at every look, and was something else in between; and what the counts stand on without being a table or a trigger.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class ComeAndGoneTests
{
    private const string Retweet = "insert into tweet.activity (messageid, action) select messageid, 'rt' from tweet.message";

    [Test]
    public async Task Partition_ComeAndGoneInOneTransaction_CountsForNothing()
    {
        await using var database = await TrialDatabase.CreateAsync(Shapes.ActivityByList);
        await using var trial = await Trial.StartAsync(database);
        await trial.DoExactlyAsync(Retweet);

        await trial.DoExactlyAsync(
            """
            alter table tweet.activity detach partition tweet.activity_old;
            create table tweet.activity_passing partition of tweet.activity for values in ('fav', 'de-fav');
            insert into tweet.activity (messageid, action) select messageid, 'fav' from tweet.message, generate_series(1, 3);
            drop table tweet.activity_passing;
            alter table tweet.activity attach partition tweet.activity_old for values in ('fav', 'de-fav')
            """);
        await trial.DoExactlyAsync(Retweet);
        await trial.FinishAsync();
    }

    [Test]
    public async Task Child_ComeAndGoneInOneTransaction_CountsForNothing()
    {
        await using var database = await TrialDatabase.CreateAsync(Shapes.ActivityInherited);
        await using var trial = await Trial.StartAsync(database);
        await trial.DoExactlyAsync(
            """
            create table tweet.activity_passing () inherits (tweet.activity);
            select twcache.install_triggers();
            insert into tweet.activity_passing (messageid, action) select messageid, 'fav' from tweet.message;
            drop table tweet.activity_passing
            """);
        await trial.DoExactlyAsync(Retweet);
        await trial.FinishAsync();
    }

    [TestCase("", TestName = "Message_DeletedWithoutItsActivity_CountsItWhenItIsBack")]
    [TestCase(Shapes.ActivityInherited, TestName = "MessageOfAnInheritedActivity_DeletedWithoutIt_CountsItWhenItIsBack")]
    public async Task Message_DeletedWithoutItsActivity_CountsItWhenItIsBack(string shape)
    {
        await using var database = await TrialDatabase.CreateAsync(shape);
        await using var trial = await Trial.StartAsync(database);
        await trial.DoExactlyAsync(Retweet);

        // No foreign key's action, and no check.
        await trial.DoExactlyAsync("set local session_replication_role = replica; delete from tweet.message where messageid = 3");
        await trial.DoExactlyAsync("insert into tweet.message (messageid, userid, message) select 3, min(userid), 'back' from tweet.users");
        await trial.DoExactlyAsync("set local session_replication_role = replica; insert into tweet.activity (messageid, action) values (70, 'rt'), (71, 'rt')");
        await trial.DoExactlyAsync("insert into tweet.message (messageid, userid, message) select 70, min(userid), 'late' from tweet.users");
        await trial.FinishAsync();
    }

    [Test]
    public async Task Labels_Exchanged_AreCountedByWhoWroteBefore()
    {
        await using var database = await TrialDatabase.CreateAsync();
        await using var trial = await Trial.StartAsync(database);
        await using var writer = await database.OpenAsync();
        await trial.DoAsync("a fav", () => writer.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'fav')"));

        await trial.DoAsync("drop view tweet.message_with_counters; alter type tweet.action_t rename value 'fav' to 'like'");
        await trial.DoAsync("alter type tweet.action_t add value 'fav'");
        await trial.DoAsync("sql/ applied again", () => database.ApplySchemaByPsqlAsync());
        await trial.ExactAsync("sql/ applied again", Trial.MendedByHand);
        await trial.DoAsync("a fav of the new label", () => writer.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'fav')"));
        await trial.ExactAsync("a fav of the new label", Trial.Mends);
        await trial.FinishAsync();
    }

    [TestCase("create or replace function twcache.key_of(row_json jsonb) returns bigint language sql immutable as 'select 5::bigint'", "twcache.key_of", TestName = "HelperOfTriggers_Replaced_IsTold")]
    [TestCase("create rule gone as on insert to twcache.change do instead nothing", "twcache.change", TestName = "Rule_OnTheLog_IsTold")]
    public async Task Log_MeddledWith_IsTold(string sql, string name)
    {
        await using var database = await TrialDatabase.CreateAsync(Shapes.ActivityByRange);
        await using var trial = await Trial.StartAsync(database);
        await trial.DoAsync(sql);
        await trial.ToldAsync(name);
        await trial.DoAsync("drop rule if exists gone on twcache.change");
        await trial.DoAsync("sql/ applied again", () => database.ApplySchemaByPsqlAsync());
        await trial.ExactAsync("sql/ applied again", Trial.MendedByHand);
        await trial.DoExactlyAsync(Retweet);
        await trial.FinishAsync();
    }

    [Test]
    public async Task Triggers_DisabledAndEnabled_FireAlwaysAgain()
    {
        await using var database = await TrialDatabase.CreateAsync();
        await using var trial = await Trial.StartAsync(database);
        await trial.DoAsync("alter table tweet.activity disable trigger all; alter table tweet.activity enable trigger all");
        await trial.ExactAsync("enabled again", Trial.Mends);
        await trial.DoExactlyAsync($"set local session_replication_role = replica; {Retweet}");
        await trial.FinishAsync();
    }

    [Test]
    public async Task Row_ThatIsNoJson_FailsNobodysInsert()
    {
        await using var database = await TrialDatabase.CreateAsync(Shapes.ActivityByRange);
        await database.ExecuteAsync("alter table tweet.activity add column extra json");
        await using var trial = await Trial.StartAsync(database);
        await trial.DoExactlyAsync("""insert into tweet.activity (messageid, action, extra) values (1, 'rt', '{"name": "\u0000"}')""");
        await trial.DoExactlyAsync(Retweet);
        await trial.FinishAsync();
    }

    [Test]
    public async Task Partitions_CreatedBesideAnOpenWriter_WaitForNobody()
    {
        const int Partitions = 20;
        await using var database = await TrialDatabase.CreateAsync(Shapes.ActivityByRange);
        await using var trial = await Trial.StartAsync(database);
        await using var open = await database.OpenAsync();
        await open.ExecuteAsync("begin; insert into tweet.users (uname) values ('Bottom')");

        await trial.DoAsync("alter table tweet.activity detach partition tweet.activity_old");
        for (var n = 0; n < Partitions; n++)
        {
            // Some come while the triggers of those before are made.
            await trial.DoAsync($"create table tweet.activity_old_{n} partition of tweet.activity for values from ('{1900 + n}-01-01') to ('{1901 + n}-01-01')");
        }

        await trial.ExactAsync("partitions beside an open transaction", Trial.Mends);
        await open.ExecuteAsync("rollback");
        await trial.FinishAsync();
    }
}
