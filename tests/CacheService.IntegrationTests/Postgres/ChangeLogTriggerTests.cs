using CacheService.IntegrationTests.Infrastructure;
using Npgsql;

namespace CacheService.IntegrationTests.Postgres;

/// <summary>What the triggers record, held against the view: on ordinary tables, partitions and children, and when the tables change under them.</summary>
// Beside other fixtures: it has databases of its own, and measures nothing.
[Parallelizable(ParallelScope.Self)]
internal sealed class ChangeLogTriggerTests
{
    // Messages whose sums in the log are not what the view says. The log begins with empty tables.
    private const string DifferencesSql =
        """
        select coalesce(string_agg(format('%s: %s %s is %s %s (%s)', messageid, l.rts, l.favs, v.rts, v.favs, l.born), '; '), '')
          from (select messageid, sum(rts) as rts, sum(favs) as favs, sum(born) as born from twcache.change where messageid is not null group by messageid) l
          full join tweet.message_with_counters v using (messageid)
         where (coalesce(l.rts, 0), coalesce(l.favs, 0), coalesce(l.born, 0)) is distinct from (coalesce(v.rts, 0), coalesce(v.favs, 0), case when v.messageid is null then 0 else 1 end)
           and not (v.messageid is null and l.born is not distinct from 0)
        """;

    [TestCase(OwnSchema.Partitioned, TestName = "Log_OfPartitions_EqualsTheView")]
    [TestCase(OwnSchema.Inherited, TestName = "Log_OfATableWithAChild_EqualsTheView")]
    public async Task Log_AfterStatementsOfEveryKind_EqualsTheView(string schema)
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var connection = await OpenRecordingAsync(database, schema);
        var isPartitioned = schema == OwnSchema.Partitioned;
        foreach (var statement in new[]
        {
            "insert into tweet.message select n, 1, now(), 'm' from generate_series(1, 8) n",
            isPartitioned ? "insert into tweet.message_high values (1500, 1, now(), 'm')" : "insert into tweet.message_child values (1500, 1, now(), 'm')",
            "insert into tweet.activity select n, 1 + n % 8, '2025-02-02', (array['rt', 'fav', 'de-rt', 'seen'])[1 + n % 4]::tweet.action_t from generate_series(1, 300) n",
            isPartitioned ? "insert into tweet.activity_2026_few values (1000, 2, '2026-02-02', 'rt')" : "insert into tweet.activity_child values (1000, 2, '2026-02-02', 'rt')",
            isPartitioned ? "insert into tweet.activity_2026 values (1001, 7, '2026-02-02', 'fav'), (1002, 1, '2026-02-02', 'fav')" : "insert into tweet.activity_child values (1001, 7, '2026-02-02', 'fav')",
            "update tweet.activity set datetime = '2026-03-03' where messageid = 3",
            "update tweet.activity set messageid = 4, action = 'fav' where messageid = 3 and id % 2 = 0",
            "update tweet.message set messageid = 1700 where messageid = 5",
            "update tweet.message set messageid = 9 where messageid = 6",
            "delete from tweet.activity where id % 7 = 0",
            "delete from tweet.message where messageid in (1, 1500)",
            "insert into tweet.activity values (2000, null, '2026-02-02', 'rt'), (2001, 12345, '2026-02-02', 'rt')",
            "update tweet.activity set messageid = 8 where id = 2000",
            "update tweet.activity set messageid = null where id = 2000",
            "delete from tweet.activity where id >= 2000",
        })
        {
            await connection.ExecuteAsync(statement);
            Assert.That(await connection.QueryAsync<string>(DifferencesSql), Does.Not.Contain(';').And.Empty.Or.StartsWith("12345"), statement);
        }

        if (connection.PostgreSqlVersion.Major >= 15)
        {
            await connection.ExecuteAsync("merge into tweet.activity a using (values (2), (4)) s (id) on a.messageid = s.id when matched and a.id % 2 = 0 then update set datetime = '2026-05-05', messageid = 7 when matched then delete");
            Assert.That(await connection.QueryAsync<string>(DifferencesSql), Is.Empty, "merge");
        }

        await using (var copy = await connection.BeginTextImportAsync($"copy tweet.{(isPartitioned ? "activity_2026_rest" : "activity_child")} (messageid, datetime, action) from stdin"))
        {
            await copy.WriteAsync("7\t2026-06-06\trt\n8\t2026-06-06\tfav\n");
        }

        Assert.That(await connection.QueryAsync<string>(DifferencesSql), Is.Empty, "copy");
        Assert.That(await connection.QueryAsync<bool>("select exists (select from twcache.change where everything)"), Is.False);
        await connection.ExecuteAsync($"truncate tweet.{(isPartitioned ? "activity_2025" : "activity_child")}");
        Assert.That(await connection.QueryAsync<bool>("select exists (select from twcache.change where everything and messageid is null)"));
    }

    [Test]
    public async Task Log_OfALargeStatement_GroupsItsRows()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var connection = await OpenRecordingAsync(database, OwnSchema.Small);
        await connection.ExecuteAsync("insert into tweet.message select n, 1, now(), 'm' from generate_series(1, 50) n; insert into tweet.activity select nullif(n % 51, 0), (array['rt', 'fav', 'de-rt'])[1 + n % 3] from generate_series(1, 20000) n");
        Assert.That(await connection.QueryAsync<string>(DifferencesSql), Is.Empty);
        Assert.That(await connection.QueryAsync<long>("select count(*) from twcache.change"), Is.LessThanOrEqualTo(50 + 100 + 50));
    }

    [TestCase("alter table tweet.activity rename column messageid to mid", "insert into tweet.activity (mid, action) values (1, 'rt')", "update tweet.activity set mid = 2", TestName = "Writer_WithTheKeyRenamed_Goes_On")]
    [TestCase("alter table tweet.activity rename column action to did", "insert into tweet.activity (messageid, did) values (1, 'rt')", "update tweet.activity set messageid = 2", TestName = "Writer_WithTheActionRenamed_Goes_On")]
    [TestCase("alter table tweet.activity drop column messageid cascade", "insert into tweet.activity (action) values ('rt')", "update tweet.activity set action = 'fav'", TestName = "Writer_WithTheKeyDropped_Goes_On")]
    [TestCase("alter table tweet.activity drop column action cascade", "insert into tweet.activity (messageid) values (1)", "update tweet.activity set messageid = 2", TestName = "Writer_WithTheActionDropped_Goes_On")]
    [TestCase("drop view tweet.message_with_counters; alter table tweet.activity alter column messageid type text", "insert into tweet.activity (messageid, action) values ('x', 'rt')", "update tweet.activity set messageid = 'y'", TestName = "Writer_WithATextKey_Goes_On")]
    [TestCase("drop view tweet.message_with_counters; alter table tweet.activity alter column messageid type numeric", "insert into tweet.activity (messageid, action) values (1.5, 'rt')", "update tweet.activity set messageid = 2.5", TestName = "Writer_WithANumericKey_Goes_On")]
    [TestCase("drop view tweet.message_with_counters; alter table tweet.activity alter column messageid type uuid using gen_random_uuid()", "insert into tweet.activity (messageid, action) values (gen_random_uuid(), 'rt')", "update tweet.activity set messageid = gen_random_uuid()", TestName = "Writer_WithAUuidKey_Goes_On")]
    [TestCase("drop view tweet.message_with_counters; alter table tweet.activity alter column action type int using 1", "insert into tweet.activity (messageid, action) values (1, 1)", "update tweet.activity set action = 2", TestName = "Writer_WithANumberForAnAction_Goes_On")]
    [TestCase("alter type tweet.action_t rename value 'rt' to 'retweet'", "insert into tweet.activity (messageid, action) values (1, 'retweet')", "update tweet.activity set messageid = 2", TestName = "Writer_WithALabelRenamed_Goes_On")]
    public async Task Writer_AfterAChangeOfItsTable_Goes_On_AndTheLogSaysToLoadAfresh(string change, string insert, string update)
    {
        foreach (var form in new[] { OwnSchema.Partitioned.Replace(" partition by list (messageid)", "", StringComparison.Ordinal).Replace("create table tweet.activity_2026_few partition of tweet.activity_2026 for values in (1, 2, 3);", "", StringComparison.Ordinal)
                                         .Replace("create table tweet.activity_2026_rest partition of tweet.activity_2026 default;", "", StringComparison.Ordinal),
                                     OwnSchema.Inherited, Ordinary })
        {
            await using var database = await TestDatabase.CreateAsync();
            await using var connection = await OpenRecordingAsync(database, form);
            await using var other = await database.OpenAsync();
            const string Warm = "insert into tweet.message values (1, 1, now(), 'm'), (2, 1, now(), 'm'); insert into tweet.activity (messageid, action) values (1, 'fav'); update tweet.activity set messageid = 2; delete from tweet.activity; delete from tweet.message";
            await connection.ExecuteAsync(Warm);
            await database.ExecuteAsync(change);
            foreach (var session in new[] { connection, other })
            {
                foreach (var statement in new[] { insert, update, "delete from tweet.activity" })
                {
                    await connection.ExecuteAsync("delete from twcache.change");
                    await session.ExecuteAsync(statement);
                    // A session that knows the label by its number may go on counting: the view does, too.
                    if (session == other || !change.Contains("rename value", StringComparison.Ordinal))
                    {
                        Assert.That(await connection.QueryAsync<bool>("select exists (select from twcache.change where everything and messageid is null) and not exists (select from twcache.change where messageid is not null)"), $"{statement} after {change}");
                    }
                }
            }

            Assert.That(await connection.QueryAsync<string[]>("select twcache.problems()"), Is.Not.Empty);
        }
    }

    [TestCase("alter table tweet.message rename column messageid to mid", TestName = "Writer_OfMessagesWithTheKeyRenamed_Goes_On")]
    public async Task Writer_OfMessagesAfterAChange_Goes_On(string change)
    {
        foreach (var form in new[] { OwnSchema.Partitioned, OwnSchema.Inherited, Ordinary })
        {
            await using var database = await TestDatabase.CreateAsync();
            await using var connection = await OpenRecordingAsync(database, form);
            await connection.ExecuteAsync("insert into tweet.message values (1, 1, now(), 'm'); update tweet.message set messageid = 2; delete from tweet.message; delete from twcache.change");
            await connection.ExecuteAsync(change);
            await connection.ExecuteAsync("insert into tweet.message values (1, 1, now(), 'm'); update tweet.message set mid = 2; delete from tweet.message");
            Assert.That(await connection.QueryAsync<bool>("select bool_and(everything) and count(*) >= 3 and sum(born) = 0 from twcache.change"));
        }
    }

    [Test]
    public async Task Trees_ThatChange_KeepTheirTriggers()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var connection = await OpenRecordingAsync(database, OwnSchema.Partitioned);
        foreach (var (change, isProblem) in new[]
        {
            ("create table tweet.activity_2027 partition of tweet.activity for values from ('2027-01-01') to ('2028-01-01')", true),
            ("create table tweet.activity_2028 (like tweet.activity); alter table tweet.activity attach partition tweet.activity_2028 for values from ('2028-01-01') to ('2029-01-01')", true),
            ("alter table tweet.activity detach partition tweet.activity_2027", true),
            ("drop table tweet.activity_2028", false),
            ("begin; alter table tweet.activity rename to old; alter table tweet.activity_2027 rename to activity; commit", true),
            ("begin; alter table tweet.activity rename to activity_2027; alter table tweet.old rename to activity; commit", true),
            ("alter table tweet.activity attach partition tweet.activity_2027 for values from ('2027-01-01') to ('2028-01-01')", true),
        })
        {
            await connection.ExecuteAsync(change);
            if (isProblem)
            {
                Assert.That(await connection.QueryAsync<string[]>("select twcache.problems()"), Is.Not.Empty, change);
            }

            await connection.ExecuteAsync("select twcache.install_triggers()");
            Assert.That((await connection.QueryAsync<string[]>("select twcache.problems()")).Where(problem => !problem.StartsWith("view ", StringComparison.Ordinal)), Is.Empty, change);
            Assert.That(await connection.QueryAsync<string[]>("select twcache.install_triggers()"), Is.Empty, "nothing is left to do");
            Assert.That(await connection.QueryAsync<bool>("select bool_and(enabled = 'A') from twcache.present_trigger"));
        }

        await connection.ExecuteAsync("delete from twcache.change; insert into tweet.activity_2027 values (1, 5, '2027-02-02', 'rt')");
        Assert.That(await connection.QueryAsync<long>("select sum(rts)::bigint from twcache.change where messageid = 5"), Is.EqualTo(1));
    }

    [Test]
    public async Task Child_ThatComesAndGoes_ChangesTheFormOfTheTriggers()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var connection = await OpenRecordingAsync(database, Ordinary);
        await connection.ExecuteAsync("insert into tweet.message values (1, 1, now(), 'm'); create table tweet.child () inherits (tweet.activity); select twcache.install_triggers(); "
            + "insert into tweet.child (messageid, action) values (1, 'rt'); insert into tweet.activity (messageid, action) values (1, 'rt'); update tweet.activity set action = 'fav' where messageid = 1");
        Assert.That(await connection.QueryAsync<string>(DifferencesSql), Is.Empty);
        Assert.That(await connection.QueryAsync<string[]>("select twcache.problems()"), Is.Empty);
        await connection.ExecuteAsync("delete from tweet.child; alter table tweet.child no inherit tweet.activity; select twcache.install_triggers(); insert into tweet.child (messageid, action) values (1, 'rt'); insert into tweet.activity (messageid, action) values (1, 'rt')");
        Assert.That(await connection.QueryAsync<string>(DifferencesSql), Is.Empty);
        Assert.That(await connection.QueryAsync<string[]>("select twcache.problems()"), Is.Empty);
    }

    [Test]
    public async Task InstallTriggers_WhereOneIsDisabled_EnablesIt_Never()
    {
        await using var database = await TestDatabase.CreateAsync();
        await database.ApplySchemaAsync();
        await database.ExecuteAsync("alter table tweet.activity disable trigger twcache_activity_delete; alter table tweet.message enable replica trigger twcache_message_key");
        Assert.That(await database.QueryAsync<string[]>("select twcache.install_triggers()"), Is.Empty);
        Assert.That(await database.QueryAsync<string[]>("select twcache.problems()"), Has.Exactly(1).Contains("twcache_activity_delete").And.Exactly(1).Contains("twcache_message_key"));

        await database.ExecuteAsync("alter table tweet.activity enable trigger twcache_activity_delete; alter table tweet.message enable always trigger twcache_message_key");
        Assert.That(await database.QueryAsync<string[]>("select twcache.problems()"), Has.Exactly(1).Contains("twcache_activity_delete").And.Exactly(1).Contains("always"));
        Assert.That(await database.QueryAsync<string[]>("select twcache.install_triggers()"), Has.Length.EqualTo(1));
        Assert.That(await database.QueryAsync<string[]>("select twcache.problems()"), Is.Empty);
    }

    [Test]
    public async Task Triggers_OfASessionThatReplicates_RecordAsWell()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var connection = await OpenRecordingAsync(database, OwnSchema.Small);
        await connection.ExecuteAsync("set session_replication_role = replica; insert into tweet.message values (1, 1, now(), 'm'); insert into tweet.activity values (1, 'rt')");
        Assert.That(await connection.QueryAsync<string>(DifferencesSql), Is.Empty);
    }

    private const string Ordinary = OwnSchema.Start +
        """
        create table tweet.message (messageid bigint primary key, userid int, datetime timestamptz, message text);
        create table tweet.activity (id int, messageid bigint, datetime date default '2025-06-01', action tweet.action_t);
        """;

    private static async Task<NpgsqlConnection> OpenRecordingAsync(TestDatabase database, string schema)
    {
        await database.ExecuteAsync(schema);
        await database.ApplySchemaAsync();
        var connection = await database.OpenAsync();
        await connection.ExecuteAsync("select twcache.register('test', 'test', 3600)");
        return connection;
    }
}
