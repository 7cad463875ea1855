using CacheService.IntegrationTests.Infrastructure;

namespace CacheService.IntegrationTests.AnyDatabase;

/// <summary>Triggers, functions, tables and the view are other than they were: noticed at once, told, and mended by hand.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class DriftTests
{
    /// <summary>One retweet of each message, by the application.</summary>
    private const string Retweet = "insert into tweet.activity (messageid, action) select messageid, 'rt' from tweet.message";

    [TestCase("alter table tweet.activity disable trigger twcache_activity_insert", "alter table tweet.activity enable always trigger twcache_activity_insert", "twcache_activity_insert", TestName = "Trigger_Disabled_IsTold")]
    [TestCase("alter table tweet.activity disable trigger user", "alter table tweet.activity enable trigger user", "tweet.activity", TestName = "Triggers_AllDisabled_IsTold")]
    [TestCase("alter table tweet.activity disable trigger all", "alter table tweet.activity enable trigger all", "tweet.activity", TestName = "Triggers_DisabledWithForeignKeys_IsTold")]
    [TestCase("alter table tweet.activity enable replica trigger twcache_activity_insert", "alter table tweet.activity enable always trigger twcache_activity_insert", "twcache_activity_insert", TestName = "Trigger_ForReplicasOnly_IsTold")]
    [TestCase("alter table tweet.message disable trigger twcache_message_insert", "alter table tweet.message enable trigger twcache_message_insert", "twcache_message_insert", TestName = "TriggerOfMessages_Disabled_IsTold")]
    [TestCase("alter table tweet.message disable trigger twcache_message_key", "alter table tweet.message enable always trigger twcache_message_key", "twcache_message_key", TestName = "TriggerOfKeys_Disabled_IsTold")]
    [TestCase("alter table tweet.activity disable trigger twcache_activity_truncate", "alter table tweet.activity enable always trigger twcache_activity_truncate", "twcache_activity_truncate", TestName = "TriggerOfTruncate_Disabled_IsTold")]
    public async Task Trigger_Switched_IsTold(string off, string on, string name)
    {
        await using var database = await TrialDatabase.CreateAsync();
        await using var trial = await Trial.StartAsync(database);

        await trial.DoAsync(off);
        // Before anybody can have looked.
        await trial.RetweetAsync();
        await trial.ToldAsync(name);
        await trial.DoAsync("insert into tweet.message (userid, message) select userid, 'unseen' from tweet.users");
        await trial.RetweetAsync();
        await trial.DoAsync(on);

        await trial.ExactAsync(on, Trial.MendedByHand);
        await trial.RetweetAsync();
        await trial.ExactAsync("a retweet", Trial.Mends);
        await trial.FinishAsync();
    }

    [TestCase("drop trigger twcache_activity_insert on tweet.activity", "twcache_activity_insert", TestName = "Trigger_Dropped_IsToldOrMended")]
    [TestCase("drop trigger twcache_message_delete on tweet.message", "twcache_message_delete", TestName = "TriggerOfMessages_Dropped_IsToldOrMended")]
    [TestCase("drop function twcache.truncated() cascade", "trunc", TestName = "Function_DroppedWithItsTriggers_IsToldOrMended")]
    [TestCase("drop schema twcache cascade", "twcache", TestName = "Plumbing_Dropped_IsToldOrMended")]
    public async Task Plumbing_Dropped_IsToldOrMended(string drop, string name)
    {
        await using var database = await TrialDatabase.CreateAsync();
        await using var trial = await Trial.StartAsync(database);

        await trial.DoAsync(drop);
        await trial.RetweetAsync();
        await trial.ToldOrMendedAsync(name, "twcache");
        await trial.RetweetAsync();
        await trial.DoAsync("apply sql/ again", database.ApplySchemaAsync);

        await trial.ExactAsync("sql/ applied again", Trial.MendedByHand);
        await trial.RetweetAsync();
        await trial.ExactAsync("a retweet", Trial.Mends);
        await trial.FinishAsync();
    }

    [TestCase(
        $"alter table tweet.activity disable trigger user; {Retweet}; alter table tweet.activity enable trigger user", TestName = "Triggers_OffForOneTransaction_IsNoticed")]
    [TestCase(
        "alter table tweet.message disable trigger user; insert into tweet.message (userid, message) select userid, 'unseen' from tweet.users; alter table tweet.message enable trigger user", TestName = "TriggersOfMessages_OffForOneTransaction_IsNoticed")]
    [TestCase(
        $"alter table tweet.activity disable trigger twcache_activity_insert; {Retweet}; alter table tweet.activity enable always trigger twcache_activity_insert", TestName = "Trigger_OffForOneTransaction_IsNoticed")]
    public async Task Trigger_OffAndOn_IsNoticed(string sql)
    {
        await using var database = await TrialDatabase.CreateAsync();
        await using var trial = await Trial.StartAsync(database);

        await trial.DoExactlyAsync(sql);
        // The same in transactions of their own, with nobody having looked in between.
        await trial.DoAsync(sql, async () =>
        {
            await using var connection = await database.OpenAsync();
            foreach (var statement in sql.Split(';'))
            {
                await connection.ExecuteAsync(statement);
            }
        });
        await trial.ExactAsync(sql, Trial.Mends);
        await trial.RetweetAsync();
        await trial.ExactAsync("a retweet", Trial.Mends);
        await trial.FinishAsync();
    }

    [Test]
    public async Task Trigger_DroppedAndMadeAgainInOneTransaction_IsNoticed()
    {
        await using var database = await TrialDatabase.CreateAsync();
        await using var trial = await Trial.StartAsync(database);
        foreach (var (table, name) in ((string, string)[])[("activity", "twcache_activity_insert"), ("activity", "twcache_activity_delete"), ("message", "twcache_message_insert")])
        {
            var trigger = await database.QueryAsync<string>($"select pg_get_triggerdef(oid) from pg_trigger where tgname = '{name}' and tgrelid = 'tweet.{table}'::regclass");
            var enable = await database.QueryAsync<string>($"select case tgenabled when 'A' then 'always' else '' end from pg_trigger where tgname = '{name}' and tgrelid = 'tweet.{table}'::regclass");
            await trial.DoExactlyAsync(
                $"""
                drop trigger {name} on tweet.{table};
                insert into tweet.message (userid, message) select userid, 'unseen' from tweet.users;
                delete from tweet.activity where id = (select min(id) from tweet.activity);
                {Retweet};
                {trigger};
                alter table tweet.{table} enable {enable} trigger {name}
                """);
        }

        await trial.RetweetAsync();
        await trial.ExactAsync("a retweet", Trial.Mends);
        await trial.FinishAsync();
    }

    [TestCase(true, TestName = "Function_ReplacedByOneThatDoesNothing_IsTold")]
    [TestCase(false, TestName = "Function_ReplacedAndPutBackAtOnce_IsNoticed")]
    public async Task Function_Replaced_IsNoticed(bool stays)
    {
        await using var database = await TrialDatabase.CreateAsync();
        await using var trial = await Trial.StartAsync(database);
        var function = await database.QueryAsync<string>("select tgfoid::regproc::text from pg_trigger where tgname = 'twcache_activity_insert' and tgrelid = 'tweet.activity'::regclass");
        var definition = await database.QueryAsync<string>($"select pg_get_functiondef('{function}'::regproc)");
        var nothing = $"create or replace function {function}() returns trigger language plpgsql security definer as $$ begin return null; end $$";
        if (stays)
        {
            await trial.DoAsync(nothing);
            await trial.RetweetAsync();
            await trial.ToldAsync(function);
            await trial.DoAsync(definition);
            await trial.ExactAsync("the function is back", Trial.MendedByHand);
        }
        else
        {
            await trial.DoAsync("replaced, written, put back", async () =>
            {
                await using var connection = await database.OpenAsync();
                await connection.ExecuteAsync(nothing);
                await connection.ExecuteAsync(Retweet);
                await connection.ExecuteAsync(definition);
            });
            await trial.ExactAsync("the function was away for a moment", Trial.MendedByHand);
        }

        await trial.RetweetAsync();
        await trial.ExactAsync("a retweet", Trial.Mends);
        await trial.FinishAsync();
    }

    [TestCase("activity", TestName = "Activity_SwappedForATableWithoutTriggers_IsTold")]
    [TestCase("message", TestName = "Messages_SwappedForATableWithoutTriggers_IsTold")]
    public async Task Table_Swapped_IsTold(string table)
    {
        await using var database = await TrialDatabase.CreateAsync();
        await using var trial = await Trial.StartAsync(database);
        var view = await database.QueryAsync<string>("select pg_get_viewdef('tweet.message_with_counters'::regclass)");

        // The view stays on the old one.
        var key = table == "activity" ? "id" : "messageid";
        await trial.DoAsync(
            $"""
            alter table tweet.{table} rename to {table}_old;
            create table tweet.{table} (like tweet.{table}_old including all);
            insert into tweet.{table} select * from tweet.{table}_old;
            select setval(pg_get_serial_sequence('tweet.{table}', '{key}'), 1000)
            """);
        await trial.DoAsync("insert into tweet.activity (messageid, action) select messageid, 'rt' from tweet.message");
        await trial.ToldAsync($"tweet.{table}", "message_with_counters");
        await trial.DoAsync("the view on the new one", () => database.ExecuteAsync($"drop view tweet.message_with_counters; create view tweet.message_with_counters as {view.Replace("_old", "", StringComparison.Ordinal)}; grant select on tweet.message_with_counters, tweet.{table} to twcache_reader"));
        await trial.ToldOrMendedAsync($"tweet.{table}");
        await trial.DoAsync("apply sql/ again", database.ApplySchemaAsync);

        await trial.ExactAsync("mended by hand", Trial.MendedByHand);
        await trial.RetweetAsync();
        await trial.ExactAsync("a retweet", Trial.Mends);
        await trial.FinishAsync();
    }

    [Test]
    public async Task Table_SwappedAndSwappedBack_IsNoticed()
    {
        await using var database = await TrialDatabase.CreateAsync();
        await using var trial = await Trial.StartAsync(database);
        const string Swap = "alter table tweet.activity rename to activity_old; create table tweet.activity (like tweet.activity_old including all)";
        const string Back = "drop table tweet.activity; alter table tweet.activity_old rename to activity";

        await trial.DoAsync(Swap);
        await trial.RetweetAsync();
        await trial.ToldAsync("tweet.activity", "message_with_counters");
        await trial.DoAsync(Back);
        await trial.ExactAsync("swapped back", Trial.MendedByHand);
        // With a row in the one that goes, and one in the one that comes back, before anybody has looked.
        await trial.DoExactlyAsync($"{Swap}; insert into tweet.activity (messageid, action) values (1, 'rt'); insert into tweet.activity_old (messageid, action) values (2, 'rt'); {Back}");
        await trial.RetweetAsync();
        await trial.ExactAsync("a retweet", Trial.Mends);
        await trial.FinishAsync();
    }

    [Test]
    public async Task Table_MovedToAnotherSchemaAndBack_IsNoticed()
    {
        await using var database = await TrialDatabase.CreateAsync();
        await using var trial = await Trial.StartAsync(database);

        await trial.DoAsync("create schema attic; alter table tweet.activity set schema attic");
        await trial.DoAsync("insert into attic.activity (messageid, action) values (1, 'rt')");
        await trial.ToldAsync("tweet.activity");
        await trial.DoAsync("alter table attic.activity set schema tweet");
        await trial.ExactAsync("the table is back", Trial.MendedByHand);
        await trial.RetweetAsync();
        await trial.ExactAsync("a retweet", Trial.Mends);
        await trial.FinishAsync();
    }

    [TestCase("drop view tweet.message_with_counters", TestName = "View_Dropped_IsTold")]
    [TestCase("drop table tweet.users cascade; create table tweet.users (userid bigint primary key, uname text not null, nickname text, bio text, picture text); insert into tweet.users values (1, 'Puck'); alter table tweet.message drop column userid cascade; alter table tweet.message add column userid bigint not null default 1", TestName = "View_DroppedByCascade_IsTold")]
    public async Task View_Dropped_IsTold(string drop)
    {
        await using var database = await TrialDatabase.CreateAsync();
        await using var trial = await Trial.StartAsync(database);
        var view = await database.QueryAsync<string>("select pg_get_viewdef('tweet.message_with_counters'::regclass)");

        await trial.DoAsync(drop);
        await trial.RetweetAsync();
        await trial.ToldAsync("message_with_counters", "tweet.users");
        await trial.DoAsync("the view again", () => database.ExecuteAsync($"create view tweet.message_with_counters as {view}; grant select on tweet.message_with_counters, tweet.users to twcache_reader"));

        await trial.ExactAsync("the view is back", Trial.MendedByHand);
        await trial.FinishAsync();
    }

    [TestCase("alter table tweet.activity rename column messageid to tweet", "insert into tweet.activity (tweet, action) values (1, 'rt')", "update tweet.activity set action = 'fav' where tweet = 2", "alter table tweet.activity rename column tweet to messageid", "messageid", TestName = "Column_OfTheMessage_Renamed")]
    [TestCase("alter table tweet.activity rename column action to kind", "insert into tweet.activity (messageid, kind) values (1, 'rt')", "update tweet.activity set kind = 'fav' where messageid = 2", "alter table tweet.activity rename column kind to action", "action", TestName = "Column_OfTheAction_Renamed")]
    [TestCase("alter table tweet.message rename column messageid to id", "insert into tweet.message (userid, message) values (1, 'more')", "update tweet.message set id = 4000 where id = 4", "alter table tweet.message rename column id to messageid", "messageid", TestName = "Key_OfMessages_Renamed")]
    [TestCase("alter type tweet.action_t rename value 'rt' to 'retweet'", "insert into tweet.activity (messageid, action) values (1, 'retweet')", "update tweet.activity set action = 'fav' where messageid = 2", "alter type tweet.action_t rename value 'retweet' to 'rt'", "'rt'", TestName = "Label_Renamed")]
    [TestCase("drop view tweet.message_with_counters; alter table tweet.activity drop constraint activity_messageid_fkey; alter table tweet.activity alter messageid type text using messageid::text", "insert into tweet.activity (messageid, action) values ('not a number', 'rt')", "delete from tweet.activity where messageid = 'not a number'", "alter table tweet.activity alter messageid type bigint using messageid::bigint", "messageid", TestName = "Column_OfAnotherType")]
    [TestCase("drop view tweet.message_with_counters; alter table tweet.activity alter action type text using action::text", "insert into tweet.activity (messageid, action) values (1, 'applause')", "update tweet.activity set action = 'rt' where messageid = 2", "delete from tweet.activity where action = 'applause'; alter table tweet.activity alter action type tweet.action_t using action::tweet.action_t", "message_with_counters", TestName = "Action_OfAnotherType")]
    [TestCase("drop view tweet.message_with_counters; alter table tweet.activity drop column action", "insert into tweet.activity (messageid) values (1)", "delete from tweet.activity where messageid = 2", "alter table tweet.activity add column action tweet.action_t not null default 'rt'", "action", TestName = "Column_OfTheAction_Dropped")]
    public async Task Column_ChangedUnderTheTriggers_BreaksNothingOfTheApplication(string change, string insert, string other, string back, string name)
    {
        await using var database = await TrialDatabase.CreateAsync();
        await using var trial = await Trial.StartAsync(database);
        var view = await database.QueryAsync<string>("select pg_get_viewdef('tweet.message_with_counters'::regclass)");

        await trial.DoAsync(change);
        // These are the application's: they succeed.
        await trial.DoAsync(insert);
        await trial.DoAsync(other);
        await trial.ToldAsync(name);
        await trial.DoAsync(insert);
        await trial.DoAsync("delete from tweet.activity where id = (select min(id) from tweet.activity)");
        await trial.DoAsync("changed back", async () =>
        {
            if (change.Contains("drop view", StringComparison.Ordinal))
            {
                if (insert.Contains("not a number", StringComparison.Ordinal))
                {
                    await database.ExecuteAsync("delete from tweet.activity where messageid = 'not a number'");
                }

                await database.ExecuteAsync($"{back}; create view tweet.message_with_counters as {view}; grant select on tweet.message_with_counters to twcache_reader");
            }
            else
            {
                await database.ExecuteAsync(back);
            }
        });

        await trial.ExactAsync("changed back", Trial.MendedByHand);
        await trial.RetweetAsync();
        await trial.ExactAsync("a retweet", Trial.Mends);
        await trial.FinishAsync();
    }

    [Test]
    public async Task View_PointedAtAnotherTable_IsTold()
    {
        await using var database = await TrialDatabase.CreateAsync();
        await using var trial = await Trial.StartAsync(database);
        var view = await database.QueryAsync<string>("select pg_get_viewdef('tweet.message_with_counters'::regclass)");

        await trial.DoAsync(
            $"""
            create table tweet.activity_of_today (like tweet.activity);
            create or replace view tweet.message_with_counters as {view.TrimEnd(';').Replace("tweet.activity", "tweet.activity_of_today", StringComparison.Ordinal)}
            """);
        await trial.RetweetAsync();
        await trial.ToldAsync("message_with_counters");
        await trial.DoAsync($"create or replace view tweet.message_with_counters as {view}");

        await trial.ExactAsync("the view as it was", Trial.MendedByHand);
        await trial.FinishAsync();
    }

    [Test]
    public async Task ReplicaRole_HidesNothing()
    {
        await using var database = await TrialDatabase.CreateAsync();
        await using var trial = await Trial.StartAsync(database);
        foreach (var statement in (string[])
        [
            Retweet, "insert into tweet.message (userid, message) select userid, 'new' from tweet.users", "update tweet.activity set action = 'fav' where id = 1", "delete from tweet.activity where id = 2",
            "update tweet.activity set messageid = 4 where messageid = 5", "delete from tweet.message where messageid = 5", "truncate tweet.activity",
        ])
        {
            await trial.DoExactlyAsync($"set local session_replication_role = replica; {statement}");
        }

        await trial.FinishAsync();
    }

    [Test]
    public async Task Tables_Rewritten_StayExact()
    {
        await using var database = await TrialDatabase.CreateAsync();
        await using var trial = await Trial.StartAsync(database);
        foreach (var statement in (string[])
        [
            "vacuum full tweet.activity", "cluster tweet.activity using activity_pkey", "alter table tweet.activity add column noise float default random()", "alter table tweet.activity alter noise type text",
            "alter table tweet.activity set unlogged", "alter table tweet.activity set logged", "vacuum full twcache.change", "reindex table tweet.message", "analyze",
        ])
        {
            await trial.DoAsync(statement);
            await trial.RetweetAsync();
            await trial.ExactAsync(statement, Trial.Mends);
        }

        await trial.FinishAsync();
    }

    [TestCase("revoke select on twcache.change from twcache_reader", "grant select on twcache.change to twcache_reader", "twcache.change", TestName = "Right_ToReadTheLog_Revoked_IsTold")]
    [TestCase("revoke select on twcache.consumer from twcache_reader", "grant select on twcache.consumer to twcache_reader", "twcache.consumer", TestName = "Right_ToReadConsumers_Revoked_IsTold")]
    [TestCase("revoke usage on schema twcache from twcache_reader", "grant usage on schema twcache to twcache_reader", "twcache", TestName = "Right_ToUseTheSchema_Revoked_IsTold")]
    [TestCase("do $$ declare f text; begin for f in select oid::regprocedure from pg_proc where pronamespace = 'twcache'::regnamespace and proname = 'renew' loop execute format('revoke execute on function %s from twcache_reader', f); end loop; end $$", "do $$ declare f text; begin for f in select oid::regprocedure from pg_proc where pronamespace = 'twcache'::regnamespace and proname = 'renew' loop execute format('grant execute on function %s to twcache_reader', f); end loop; end $$", "renew", TestName = "Right_ToRenew_Revoked_IsTold")]
    public async Task Right_Revoked_IsTold(string revoke, string grant, string name)
    {
        await using var database = await TrialDatabase.CreateAsync();
        await using var trial = await Trial.StartAsync(database, "--Feed:LeaseDuration=00:00:03");

        await trial.DoAsync(revoke);
        await trial.RetweetAsync();
        await trial.ToldToCallersAsync(name);
        await trial.RetweetAsync();
        await trial.DoAsync(grant);

        await trial.ExactAsync(grant, Trial.MendedByHand);
        await trial.FinishAsync();
    }
}
