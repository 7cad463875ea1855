using CacheService.IntegrationTests.Infrastructure;

namespace CacheService.IntegrationTests.AnyDatabase;

/// <summary>Partitions and children: each is written by its own name, filled, emptied, brought in and taken away.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class PartitionTests
{
    private const string Old = "'2019-06-01'";

    [TestCase(Shapes.ActivityByRange, "change", TestName = "Activity_ByRange_IsExact")]
    [TestCase(Shapes.ActivityByList, "change", TestName = "Activity_ByList_IsExact")]
    [TestCase(Shapes.ActivityByHash, "change", TestName = "Activity_ByHash_IsExact")]
    [TestCase(Shapes.ActivityNested, "change", TestName = "Activity_InNestedPartitions_IsExact")]
    [TestCase(Shapes.ActivityInherited, "change", TestName = "Activity_Inherited_IsExact")]
    [TestCase(Shapes.ActivityByRange, "table", TestName = "Activity_ByRange_AsItsOwnLog_IsExact")]
    [TestCase(Shapes.ActivityByHash, "table", TestName = "Activity_ByHash_AsItsOwnLog_IsExact")]
    [TestCase(Shapes.ActivityNested, "table", TestName = "Activity_InNestedPartitions_AsItsOwnLog_IsExact")]
    [TestCase(Shapes.ActivityInherited, "table", TestName = "Activity_Inherited_AsItsOwnLog_IsExact")]
    public async Task Activity_WrittenInEveryWay_IsExact(string shape, string log)
    {
        await using var database = await TrialDatabase.CreateAsync(shape, log: log);
        await using var trial = await Trial.StartAsync(database);
        var actions = shape == Shapes.ActivityByList ? ("fav", "de-fav") : ("rt", "de-rt");
        // Of each message, so that whichever the hash allows is among them.
        var rows = $"select messageid, {Old}::timestamptz, '{actions.Item1}'::tweet.action_t from tweet.message";
        var (even, odd) = await FindHashedAsync(database, shape);

        await trial.DoExactlyAsync("insert into tweet.activity (messageid, action) select messageid, 'rt' from tweet.message");
        await trial.DoExactlyAsync($"insert into tweet.activity (messageid, datetime, action) {rows}");
        // By its own name.
        await trial.DoExactlyAsync($"insert into tweet.activity_old (messageid, datetime, action) {rows} where messageid in ({even})");
        await trial.DoExactlyAsync($"insert into tweet.activity_default (messageid, action) select messageid, 'rt' from tweet.message where messageid in ({odd})");
        await CopyAsync(trial, database, "tweet.activity_old", even[0], actions.Item1);
        await CopyAsync(trial, database, "tweet.activity", even[0], actions.Item1);
        await trial.DoExactlyAsync($"update tweet.activity_old set action = '{actions.Item2}' where id = (select min(id) from tweet.activity_old)");
        await trial.DoExactlyAsync("delete from tweet.activity_old where id = (select max(id) from tweet.activity_old)");
        await trial.DoExactlyAsync("delete from only tweet.activity where id % 2 = 0");
        await MoveRowsAsync(trial, database, shape);

        // Into a part by its own name while it is the last thing before it goes.
        await trial.DoExactlyAsync($"insert into tweet.activity_old (messageid, datetime, action) {rows} where messageid in ({even})");
        await trial.DoExactlyAsync("truncate tweet.activity_old");
        await trial.DoExactlyAsync($"insert into tweet.activity_old (messageid, datetime, action) {rows} where messageid in ({even})");
        await trial.DoExactlyAsync("set local session_replication_role = replica; insert into tweet.activity_default (messageid, action) select messageid, 'rt' from tweet.message where messageid = " + odd[0]);
        await trial.DoExactlyAsync("delete from tweet.message where messageid = 3");
        await trial.FinishAsync();
    }

    [TestCase(Shapes.ActivityByRange, "for values from (minvalue) to ('2020-01-01')", TestName = "Partition_DetachedAndAttached_ByRange")]
    [TestCase(Shapes.ActivityByList, "for values in ('fav', 'de-fav')", TestName = "Partition_DetachedAndAttached_ByList")]
    [TestCase(Shapes.ActivityByHash, "for values with (modulus 2, remainder 0)", TestName = "Partition_DetachedAndAttached_ByHash")]
    public async Task Partition_ComesAndGoes_IsExact(string shape, string bounds)
    {
        await using var database = await TrialDatabase.CreateAsync(shape);
        await using var trial = await Trial.StartAsync(database);
        var fav = $"select messageid, {Old}::timestamptz, 'fav'::tweet.action_t from tweet.message";
        await trial.DoExactlyAsync($"insert into tweet.activity (messageid, datetime, action) {fav}");

        await trial.DoExactlyAsync("alter table tweet.activity detach partition tweet.activity_old");
        // What is detached counts for nothing.
        var one = await database.QueryAsync<long>("select min(messageid) from tweet.activity_old");
        await trial.DoExactlyAsync($"insert into tweet.activity_old (messageid, datetime, action) values ({one}, {Old}, 'fav')");
        await trial.DoExactlyAsync("insert into tweet.message (userid, message) select userid, 'between' from tweet.users");
        await trial.DoExactlyAsync($"alter table tweet.activity attach partition tweet.activity_old {bounds}");
        await trial.DoExactlyAsync($"insert into tweet.activity_old (messageid, datetime, action) values ({one}, {Old}, 'fav')");
        // Both ways at once, with a row in between.
        await trial.DoExactlyAsync(
            $"""
            alter table tweet.activity detach partition tweet.activity_old;
            insert into tweet.activity_old (messageid, datetime, action) values ({one}, {Old}, 'fav');
            alter table tweet.activity attach partition tweet.activity_old {bounds}
            """);
        if (shape != Shapes.ActivityByHash)
        {
            // It is not to be had where there is a default partition.
            await trial.DoExactlyAsync("alter table tweet.activity detach partition tweet.activity_default; drop table tweet.activity_default");
            await trial.DoExactlyAsync("alter table tweet.activity detach partition tweet.activity_old concurrently");
            await trial.DoExactlyAsync($"alter table tweet.activity attach partition tweet.activity_old {bounds}");
        }

        // A new part, filled before it comes.
        await trial.DoExactlyAsync("alter table tweet.activity detach partition tweet.activity_old");
        await trial.DoExactlyAsync($"create table tweet.activity_new (like tweet.activity including all); insert into tweet.activity_new (messageid, datetime, action) values ({one}, {Old}, 'fav'), ({one}, {Old}, 'fav')");
        await trial.DoExactlyAsync($"alter table tweet.activity attach partition tweet.activity_new {bounds}");
        await trial.DoExactlyAsync($"insert into tweet.activity_new (messageid, datetime, action) values ({one}, {Old}, 'fav')");
        await trial.DoExactlyAsync("drop table tweet.activity_new");
        await trial.DoExactlyAsync($"create table tweet.activity_newer partition of tweet.activity {bounds}; insert into tweet.activity_newer (messageid, datetime, action) values ({one}, {Old}, 'fav')");
        await trial.DoExactlyAsync("begin; drop table tweet.activity_newer; rollback");
        await trial.DoExactlyAsync("drop table tweet.activity_newer");
        await trial.FinishAsync();
    }

    [Test]
    public async Task Partition_OfPartitions_AttachedWithItsRows_IsExact()
    {
        await using var database = await TrialDatabase.CreateAsync(Shapes.ActivityByRange);
        await using var trial = await Trial.StartAsync(database);
        await trial.DoExactlyAsync("alter table tweet.activity detach partition tweet.activity_old");

        await trial.DoExactlyAsync(
            """
            create table tweet.activity_past (like tweet.activity including all) partition by range (datetime);
            create table tweet.activity_2018 partition of tweet.activity_past for values from ('2018-01-01') to ('2019-01-01');
            create table tweet.activity_2019 partition of tweet.activity_past default;
            insert into tweet.activity_past (messageid, datetime, action) select messageid, '2018-06-01', 'fav' from tweet.message;
            insert into tweet.activity_past (messageid, datetime, action) select messageid, '2019-06-01', 'rt' from tweet.message
            """);
        await trial.DoExactlyAsync("alter table tweet.activity attach partition tweet.activity_past for values from (minvalue) to ('2020-01-01')");
        await trial.DoExactlyAsync("insert into tweet.activity_2018 (messageid, datetime, action) values (1, '2018-07-01', 'fav')");
        await trial.DoExactlyAsync("alter table tweet.activity_past detach partition tweet.activity_2018");
        await trial.DoExactlyAsync("insert into tweet.activity_2018 (messageid, datetime, action) values (1, '2018-07-01', 'fav')");
        await trial.DoExactlyAsync("alter table tweet.activity_past attach partition tweet.activity_2018 for values from ('2018-01-01') to ('2019-01-01')");
        // It may live elsewhere, and is a part all the same.
        await trial.DoExactlyAsync("create schema attic; alter table tweet.activity_2019 set schema attic; alter table attic.activity_2019 rename to past");
        await trial.DoExactlyAsync("insert into attic.past (messageid, datetime, action) values (2, '2019-07-01', 'fav')");
        await trial.DoExactlyAsync("drop table tweet.activity_past");
        await trial.FinishAsync();
    }

    [Test]
    public async Task Child_ComesAndGoes_IsExact()
    {
        await using var database = await TrialDatabase.CreateAsync();
        await using var trial = await Trial.StartAsync(database);

        // A table without children gets one; ones.
        await trial.DoExactlyAsync("create table tweet.activity_child () inherits (tweet.activity)");
        await trial.DoExactlyAsync("insert into tweet.activity_child (id, messageid, action) values (1000, 1, 'fav')");
        await trial.DoExactlyAsync("insert into tweet.activity (messageid, action) values (1, 'rt')");
        await trial.DoExactlyAsync("create table tweet.activity_other (like tweet.activity including all); insert into tweet.activity_other (messageid, action) values (2, 'fav')");
        await trial.DoExactlyAsync("alter table tweet.activity_other inherit tweet.activity");
        await trial.DoExactlyAsync("update tweet.activity_other set messageid = 3");
        await trial.DoExactlyAsync("truncate only tweet.activity");
        await trial.DoExactlyAsync("alter table tweet.activity_child no inherit tweet.activity");
        await trial.DoExactlyAsync("insert into tweet.activity_child (id, messageid, action) values (1001, 1, 'fav')");
        await trial.DoExactlyAsync("drop table tweet.activity_other");
        await trial.DoExactlyAsync("insert into tweet.activity (messageid, action) values (1, 'rt')");
        await trial.DoExactlyAsync("truncate tweet.activity");
        await trial.DoExactlyAsync("insert into tweet.activity (messageid, action) values (1, 'rt')");
        await trial.FinishAsync();
    }

    [TestCase(Shapes.MessagesByHash, "message_even", "message_odd", TestName = "Messages_ByHash_AreExact")]
    [TestCase(Shapes.MessagesByRange, "message_first", "message_rest", TestName = "Messages_ByRange_AreExact")]
    public async Task Messages_InPartitions_AreExact(string shape, string one, string other)
    {
        await using var database = await TrialDatabase.CreateAsync(shape);
        await using var trial = await Trial.StartAsync(database);

        await trial.DoExactlyAsync("insert into tweet.message (userid, message) select userid, 'new' from tweet.users, generate_series(1, 5)");
        // By its own name, with a key that belongs there.
        await trial.DoExactlyAsync($"insert into tweet.{other} (messageid, userid, message) select id, userid, 'by name' from tweet.users, generate_series(2000, 2100) id where {Belongs(shape, "id")} order by id limit 1");
        await trial.DoExactlyAsync("insert into tweet.activity (messageid, action) select messageid, 'fav' from tweet.message");
        // A key that moves to another part: a deletion there, an insertion here.
        await trial.DoExactlyAsync("update tweet.message set messageid = 5001 where messageid = 1");
        await trial.DoExactlyAsync("update tweet.message set messageid = 5002 where messageid = 2");
        await trial.DoExactlyAsync("update tweet.message set messageid = 1 where messageid = 5001");
        await trial.DoExactlyAsync($"delete from tweet.{one} where messageid = (select max(messageid) from tweet.{one} where messageid < 1000)");
        await trial.DoExactlyAsync($"truncate tweet.{other} cascade");
        await trial.DoExactlyAsync("insert into tweet.message (userid, message) select userid, 'newer' from tweet.users, generate_series(1, 5)");
        await trial.DoExactlyAsync("insert into tweet.activity (messageid, action) select messageid, 'rt' from tweet.message");
        await trial.FinishAsync();
    }

    /// <summary>Messages of which the first part takes the one half, the other the other.</summary>
    private static async Task<(Ids Even, Ids Odd)> FindHashedAsync(TrialDatabase database, string shape)
    {
        if (shape != Shapes.ActivityByHash)
        {
            return (new Ids([1, 2]), new Ids([1, 2]));
        }

        var even = await database.QueryAsync<long[]>("select array_agg(distinct messageid) from tweet.activity_old");
        var odd = await database.QueryAsync<long[]>("select array_agg(distinct messageid) from tweet.activity_default");
        return (new Ids(even), new Ids(odd));
    }

    private static string Belongs(string shape, string id) =>
        shape == Shapes.MessagesByHash ? $"satisfies_hash_partition('tweet.message'::regclass, 2, 1, {id}::bigint)" : $"{id} >= 1000";

    private static Task CopyAsync(Trial trial, TrialDatabase database, string table, long messageId, string action)
    {
        var what = $"copy {table} from stdin";
        return CopyExactlyAsync();

        async Task CopyExactlyAsync()
        {
            await trial.DoAsync(what, async () =>
            {
                await using var connection = await database.OpenAsync();
                await using var writer = await connection.BeginTextImportAsync($"copy {table} (messageid, datetime, action) from stdin");
                for (var n = 0; n < 20; n++)
                {
                    await writer.WriteAsync($"{messageId}\t2019-06-01\t{action}\n");
                }
            });
            await trial.ExactAsync(what, Trial.Mends);
        }
    }

    /// <summary>Rows from one part to another, by UPDATE and by MERGE.</summary>
    private static async Task MoveRowsAsync(Trial trial, TrialDatabase database, string shape)
    {
        if (shape == Shapes.ActivityInherited)
        {
            return;
        }

        var (there, back) = shape switch
        {
            Shapes.ActivityByList => ("action = case when a.action in ('rt', 'de-rt') then 'fav'::tweet.action_t else 'rt' end", "action = 'rt'"),
            Shapes.ActivityByHash => ("messageid = 1 + a.messageid % 5", "messageid = 1 + (a.messageid + 1) % 5"),
            _ => ($"datetime = {Old}", "datetime = now()"),
        };
        await trial.DoExactlyAsync($"update tweet.activity a set {there} where id in (select id from tweet.activity order by id desc limit 5)");
        await trial.DoExactlyAsync($"update tweet.activity a set {back}");
        if (await MayMergeAsync(database))
        {
            await trial.DoExactlyAsync(
                $"merge into tweet.activity a using (select id from tweet.activity order by id limit 7) few on a.id = few.id when matched then update set {there}");
            await trial.DoExactlyAsync(
                $"""
                merge into tweet.activity a using (select messageid, row_number() over () as n from tweet.message) m on a.messageid = m.messageid and a.id % 3 = 0
                 when matched and n = 1 then delete when matched then update set {back} when not matched then insert (messageid, action) values (m.messageid, 'fav')
                """);
        }
    }

    private static async Task<bool> MayMergeAsync(TrialDatabase database) => await database.QueryAsync<int>("select current_setting('server_version_num')::int") >= 150000;

    private sealed class Ids(long[] all)
    {
        public long this[int index] => all[index];

        public override string ToString() => string.Join(", ", all);
    }
}
