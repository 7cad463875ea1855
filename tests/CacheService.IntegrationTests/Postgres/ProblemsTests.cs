using CacheService.IntegrationTests.Infrastructure;
using Npgsql;

namespace CacheService.IntegrationTests.Postgres;

/// <summary>What twcache.problems() tells the least role, and that it is content again when that is mended.</summary>
// Beside other fixtures: it has databases of its own, and measures nothing.
[Parallelizable(ParallelScope.Self)]
internal sealed class ProblemsTests
{
    [TestCase("alter table tweet.activity disable trigger user", "alter table tweet.activity enable trigger user; select twcache.install_triggers()", "trigger twcache_activity_insert on tweet.activity is disabled", TestName = "Problems_OfDisabledTriggers")]
    [TestCase("alter table tweet.message enable replica trigger twcache_message_delete", "alter table tweet.message enable always trigger twcache_message_delete", "twcache_message_delete", TestName = "Problems_OfATriggerOfReplicas")]
    [TestCase("drop trigger twcache_message_truncate on tweet.message", "select twcache.install_triggers()", "twcache_message_truncate on tweet.message is missing", TestName = "Problems_OfADroppedTrigger")]
    [TestCase("create function public.nothing() returns trigger language plpgsql as 'begin return null; end'; create or replace trigger twcache_activity_delete after delete on tweet.activity for each statement execute function public.nothing()",
        "drop trigger twcache_activity_delete on tweet.activity; select twcache.install_triggers()", "twcache_activity_delete on tweet.activity is not the one", TestName = "Problems_OfATriggerOfAnotherFunction")]
    [TestCase("create table public.saved as select prosrc from pg_proc where proname = 'activity_inserted'; create or replace function twcache.activity_inserted() returns trigger language plpgsql security definer as 'begin return null; end'",
        "do $$ begin execute format('create or replace function twcache.activity_inserted() returns trigger language plpgsql security definer as %L', (select prosrc from public.saved)); end $$", "function twcache.activity_inserted() is not the one", TestName = "Problems_OfAReplacedFunction")]
    [TestCase("alter table tweet.activity rename to away; create table tweet.activity (like tweet.away including all)", "drop table tweet.activity; alter table tweet.away rename to activity", "view tweet.message_with_counters does not read tweet.activity", TestName = "Problems_OfASwappedTable")]
    [TestCase("alter view tweet.message_with_counters rename to away", "alter view tweet.away rename to message_with_counters", "view tweet.message_with_counters does not exist", TestName = "Problems_OfAMissingView")]
    [TestCase("alter table tweet.message enable row level security", "alter table tweet.message disable row level security", "row security of tweet.message", TestName = "Problems_OfHiddenMessages")]
    [TestCase("alter table tweet.activity enable row level security", "alter table tweet.activity disable row level security", "row security of tweet.activity", TestName = "Problems_OfHiddenActivity")]
    [TestCase("alter table tweet.users enable row level security", "alter table tweet.users disable row level security", "row security of tweet.users", TestName = "Problems_OfHiddenUsers")]
    [TestCase("alter table twcache.change enable row level security", "alter table twcache.change disable row level security", "row security of twcache.change", TestName = "Problems_OfAHiddenLog")]
    [TestCase("alter table twcache.consumer enable row level security", "alter table twcache.consumer disable row level security", "row security of twcache.consumer", TestName = "Problems_OfHiddenConsumers")]
    [TestCase("alter table tweet.message rename column messageid to mid", "alter table tweet.message rename column mid to messageid", "column tweet.message.messageid does not exist", TestName = "Problems_OfARenamedColumn")]
    [TestCase("alter type tweet.action_t rename value 'fav' to 'like'", "alter type tweet.action_t rename value 'like' to 'fav'", "no label 'fav'", TestName = "Problems_OfARenamedLabel")]
    [TestCase("alter table tweet.activity rename to away", "alter table tweet.away rename to activity", "table tweet.activity does not exist", TestName = "Problems_OfAMissingTable")]
    [TestCase("create table tweet.child () inherits (tweet.activity)", "drop table tweet.child", "tweet.child is missing", TestName = "Problems_OfAChild")]
    [TestCase("alter sequence twcache.lapse rename to away", "alter sequence twcache.away rename to lapse", "twcache.lapse is missing", TestName = "Problems_OfMissingPlumbing")]
    [TestCase("create subscription s connection 'dbname=none' publication p with (connect = false, slot_name = none); insert into pg_subscription_rel select oid, 'tweet.activity'::regclass, 'r', null from pg_subscription where subname = 's'",
        "alter subscription s disable; drop subscription s", "tweet.activity is filled by logical replication", TestName = "Problems_OfASubscriber")]
    public async Task Problems_OfAChange_AreTold_AndEndWithIt(string change, string mend, string words)
    {
        await using var database = await TestDatabase.CreateAsync();
        await database.ApplySchemaAsync();
        await using var role = await TestRole.CreateAsync("twcache_reader");
        await using var reader = new NpgsqlConnection(role.ConnectionStringTo(database));
        await reader.OpenAsync();
        Assert.That(await reader.QueryAsync<string[]>("select twcache.problems()"), Is.Empty);

        await using var owner = await database.OpenAsync();
        await owner.ExecuteAsync("set allow_system_table_mods = on");
        await owner.ExecuteAsync(change);
        Assert.That(await reader.QueryAsync<string[]>("select twcache.problems()"), Has.Some.Contains(words));

        await owner.ExecuteAsync(mend);
        Assert.That(await reader.QueryAsync<string[]>("select twcache.problems()"), Is.Empty);
    }

    [Test]
    public async Task Problems_OfForeignPartitions_AreTold()
    {
        await using var database = await TestDatabase.CreateAsync();
        await database.ExecuteAsync(OwnSchema.Start + "create table tweet.message (messageid bigint primary key, userid int, datetime timestamptz, message text); create table tweet.activity (messageid bigint, action text) partition by list (messageid)");
        await database.ApplySchemaAsync();
        await database.ExecuteAsync("drop trigger twcache_activity_each on tweet.activity; create extension postgres_fdw; create server elsewhere foreign data wrapper postgres_fdw; create foreign table tweet.far partition of tweet.activity for values in (1) server elsewhere");
        Assert.That(await database.QueryAsync<string[]>("select twcache.problems()"), Has.Some.Contains("tweet.far is a foreign table"));
    }

    [Test]
    public async Task InstallTriggers_ByTheLeastRole_WhateverTheNames_DoesItsWorkAndNoMore()
    {
        await using var database = await TestDatabase.CreateAsync();
        await database.ApplySchemaAsync();
        await using var role = await TestRole.CreateAsync("twcache_reader");
        await database.ExecuteAsync("""create schema "o'dd; drop table tweet.users --"; create table "o'dd; drop table tweet.users --"."a ""child"" %I" () inherits (tweet.activity)""");
        await using var reader = new NpgsqlConnection(role.ConnectionStringTo(database));
        await reader.OpenAsync();
        await reader.ExecuteAsync("create temp table pg_trigger (oid oid); create temp view counted_table as select 1 as relid");
        await reader.ExecuteAsync("select twcache.install_triggers()");
        Assert.That(await database.QueryAsync<string[]>("select twcache.problems()"), Is.Empty);
        Assert.That(await database.QueryAsync<bool>("select to_regclass('tweet.users') is not null"));

        // Here and now, and not some time after the session's end: the role goes before the database.
        await reader.ExecuteAsync("drop view pg_temp.counted_table; drop table pg_temp.pg_trigger");
    }

    [Test]
    public async Task InstallTriggers_WhereALockIsHeld_GivesUpAtOnce()
    {
        await using var database = await TestDatabase.CreateAsync();
        await database.ApplySchemaAsync();
        await database.ExecuteAsync("create table tweet.child () inherits (tweet.activity)");
        await using var holder = await database.OpenAsync();
        await holder.ExecuteAsync("begin; lock table tweet.activity in row exclusive mode");
        await using var caller = await database.OpenAsync();
        await caller.ExecuteAsync("set statement_timeout = '10s'");
        var error = await Assert.ThrowsAsync<PostgresException>(() => caller.ExecuteAsync("select twcache.install_triggers()"));
        Assert.That(error!.SqlState, Is.EqualTo(PostgresErrorCodes.LockNotAvailable));
        await holder.ExecuteAsync("commit");
        await caller.ExecuteAsync("select twcache.install_triggers()");
        Assert.That(await database.QueryAsync<string[]>("select twcache.problems()"), Is.Empty);
    }
}
