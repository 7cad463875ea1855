using CacheService.Feed;
using CacheService.IntegrationTests.AnyDatabase;
using CacheService.IntegrationTests.Faults;
using CacheService.IntegrationTests.Infrastructure;
using CacheService.IntegrationTests.Upgrades;
using Npgsql;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.TableLog;

/// <summary>tweet.activity as its own log of what is inserted: switched to and back, and rows that come with a value of their own.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class TableLogTests
{
    private const string Table = $"--Feed:Log={nameof(LogForm.Table)}";
    private const string Change = $"--Feed:Log={nameof(LogForm.Change)}";

    /// <summary>So many rows that the index is made beside the writers.</summary>
    private const int ManyRows = 30_000;

    private static readonly TimeSpan WriterPace = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan StaleAfter = TimeSpan.FromSeconds(2);

    [TestCaseSource(typeof(Landed), nameof(Landed.Versions))]
    public async Task Switch_OfALandedDatabaseBesideWriters_IsExactThereAndBack(string version)
    {
        await using var database = await new Landed(version).CreateDatabaseAsync();
        await database.ExecuteAsync($"insert into tweet.activity (messageid, action) select min(messageid), 'rt' from tweet.message, generate_series(1, {ManyRows}) group by userid limit {ManyRows}");
        await using var writers = new FaultWriters(WriterPace);
        writers.Start(database.ConnectionString);

        foreach (var (setting, form) in new[] { (Table, "table"), (Change, "change"), (Table, "table") })
        {
            await using var service = await FaultService.StartHereAsync(database.ConnectionString, setting);
            await using var checker = new HonestyChecker(service, writers, StaleAfter);
            await writers.WaitBesideThemAsync(async () => await service.TryGetStateAsync() == TweetCounts.V1.FeedState.Live, $"the database is followed, its log in the form {form}");
            await writers.WriteMoreAsync(50);
            await checker.DisposeAsync();
            Assert.That(checker.Violations, Is.Empty);
            Assert.That(await database.QueryAsync<string>("select twcache.log_form()"), Is.EqualTo(form));
            Assert.That(await database.QueryAsync<string[]>("select twcache.problems()"), Is.Empty);
        }

        await writers.StopAsync();
        await using var last = await FaultService.StartHereAsync(database.AsCounts);
        await last.WaitForStateAsync(TweetCounts.V1.FeedState.Live);
        await last.Client.AssertEqualsViewAsync(database, "after three switches");
    }

    [Test]
    public async Task Switch_OfARunningCachesDatabase_HasItLoadAfresh()
    {
        await using var database = await TrialDatabase.CreateAsync();
        await using var trial = await Trial.StartAsync(database);

        await trial.DoAsync("select twcache.set_log('table')");
        await trial.ExactAsync("the switch", Trial.MendedByHand);
        await trial.DoExactlyAsync("insert into tweet.activity (messageid, action) select messageid, 'rt' from tweet.message");
        await trial.DoExactlyAsync("delete from tweet.activity where id % 2 = 0");
        await trial.DoAsync("select twcache.set_log('change')");
        await trial.ExactAsync("the switch back", Trial.MendedByHand);
        await trial.DoExactlyAsync("delete from tweet.activity where id % 3 = 0");
        await trial.FinishAsync();
    }

    [Test]
    public async Task EarlierVersion_OnATableThatIsItsOwnLog_IsRefused()
    {
        await using var database = await TrialDatabase.CreateAsync(log: "table");
        await using var counts = await OpenAsync(database.AsCounts);

        foreach (var call in new[] { "twcache.register('old', 30)", "twcache.register('old', 'old', 30)" })
        {
            var refused = (await Assert.ThrowsAsync<PostgresException>(() => counts.ExecuteAsync($"select {call}")))!;
            Assert.That(refused.MessageText, Does.Contain("cannot read a log of form \"table\"").And.Contain("set_log('change')"));
        }
    }

    [Test]
    public async Task Rows_WithAValueOfTheirOwn_AreOfTheTransactionThatBringsThem()
    {
        await using var database = await TrialDatabase.CreateAsync(log: "table");
        await using var trial = await Trial.StartAsync(database);
        await trial.DoExactlyAsync("insert into tweet.activity (messageid, action, recorded_by) select messageid, 'rt', '3' from tweet.message");
        await trial.DoExactlyAsync("insert into tweet.activity (messageid, action, recorded_by) select messageid, 'rt', '9999999999' from tweet.message");
        await trial.DoExactlyAsync("insert into tweet.activity (messageid, action, recorded_by) select messageid, 'rt', null from tweet.message");
        await trial.DoExactlyAsync("update tweet.activity set recorded_by = '9999999999' where id % 2 = 0");
        await trial.DoExactlyAsync("update tweet.activity set recorded_by = null, action = 'fav' where id % 3 = 0");
        await trial.DoAsync("create table archive as select * from tweet.activity; update archive set id = id + 10000, recorded_by = '9999999999' where id % 2 = 0; update archive set id = id + 10000 where id < 10000");
        await trial.DoExactlyAsync("insert into tweet.activity select * from archive");
        await trial.DoExactlyAsync("set local session_replication_role = replica; insert into tweet.activity select id + 50000, messageid, datetime, action, recorded_by from archive");
        await trial.DoExactlyAsync("delete from tweet.activity where recorded_by is not null and id % 5 = 0");
        await trial.FinishAsync();
    }

    [Test]
    public async Task Copy_WithoutAColumnList_NeedsTheColumnToo()
    {
        await using var database = await TrialDatabase.CreateAsync(log: "table");
        await using var trial = await Trial.StartAsync(database);
        await trial.DoAsync("a COPY of all columns", async () => await CopyAsync(database, "copy tweet.activity from stdin", "90001\t1\t2026-11-01 12:00\trt\t9999999999\n"));
        await trial.ExactAsync("a COPY of all columns", Trial.Mends);
        // What breaks, as docs/databases.md says: a file of the columns that there were before.
        var refused = (await Assert.ThrowsAsync<PostgresException>(() => CopyAsync(database, "copy tweet.activity from stdin", "90002\t1\t2026-11-01 12:00\trt\n")))!;
        Assert.That(refused.MessageText, Does.Contain("recorded_by"));
        await trial.DoAsync("a COPY of named columns", () => CopyAsync(database, "copy tweet.activity (id, messageid, datetime, action) from stdin", "90002\t1\t2026-11-01 12:00\trt\n"));
        await trial.ExactAsync("a COPY of named columns", Trial.Mends);
        await trial.FinishAsync();
    }

    [Test]
    public async Task Rows_OfAnotherServer_AreRefusedAndTheSwitchMendsIt()
    {
        await using var database = await TrialDatabase.CreateAsync(log: "table");
        // As pg_restore --disable-triggers brings them.
        await database.ExecuteAsync(
            """
            begin; alter table tweet.activity disable trigger all; insert into tweet.activity (messageid, action, recorded_by) select messageid, 'fav', '9999999999' from tweet.message;
            alter table tweet.activity enable trigger all; commit
            """);
        await database.ExecuteAsync("select twcache.install_triggers()");
        await using var trial = await Trial.StartWithoutWaitingAsync(database, database.AsCounts);
        await trial.ToldAsync("transaction ids of another server", "set_log('table')");

        await trial.DoAsync("select twcache.set_log('table')");
        await trial.ExactAsync("the switch", Trial.MendedByHand);
        await trial.DoExactlyAsync("insert into tweet.activity (messageid, action) select messageid, 'rt' from tweet.message");
        await trial.FinishAsync(wasLive: false);
    }

    [Test]
    public async Task Insert_UnderHostileOperators_RunsNothingWithOthersRights()
    {
        await using var database = await TrialDatabase.CreateAsync(log: "table");
        await using var owner = await OpenAsync(database.ConnectionString);
        await owner.ExecuteAsync(
            $"""
            grant usage on schema tweet to {database.Counts}; grant insert on tweet.activity to {database.Counts}; create schema evil authorization {database.Counts}; create table evil.calls (by_role text);
            create function evil.eq(text, text) returns bool language plpgsql as $f$ begin if current_user <> '{database.Counts}' then raise exception 'called as %', current_user; end if; return $1 operator(pg_catalog.=) $2; end $f$;
            create operator evil.= (leftarg = text, rightarg = text, function = evil.eq); grant usage on schema evil to public; grant execute on all functions in schema evil to public
            """);
        await using var writer = await OpenAsync(database.AsCounts);
        await writer.ExecuteAsync("set search_path = evil, pg_catalog; insert into tweet.activity (messageid, action, recorded_by) values (1, 'rt', '3')");
        Assert.That(await database.QueryAsync<long>("select count(*) from tweet.activity where recorded_by = '3'"), Is.Zero, "the row is of the transaction that brought it");
    }

    [Test]
    public async Task Bell_ThatNotAllMayAskFor_IsRungByAFunction()
    {
        await using var database = await TrialDatabase.CreateAsync(log: "table");
        await using var trial = await Trial.StartAsync(database);
        await trial.DoAsync(
            $"""
            grant usage on schema tweet to {database.Counts}; grant insert on tweet.activity to {database.Counts};
            revoke execute on function pg_try_advisory_xact_lock_shared(int, int) from public; grant execute on function pg_try_advisory_xact_lock_shared(int, int) to {database.Owner}
            """);
        await trial.ToldAsync("twcache_activity_insert on tweet.activity is not the one that is needed", "install_triggers");
        await trial.DoAsync("select twcache.install_triggers()");
        await trial.ExactAsync("the triggers", Trial.MendedByHand);
        await using (var writer = await OpenAsync(database.AsCounts))
        {
            await trial.DoAsync("an insert by the service's role", () => writer.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'rt')"));
        }

        await trial.ExactAsync("the insert", Trial.Mends);
        await trial.FinishAsync();
    }

    [Test]
    public async Task Upgrade_OfALandedTableLog_GivesTheBellItsCondition()
    {
        await using var database = await new Landed("412e0f6").CreateDatabaseAsync();
        await database.ExecuteAsync("select twcache.set_log('table')");
        await using var service = await FaultService.StartHereAsync(database.ConnectionString);
        await service.WaitForStateAsync(TweetCounts.V1.FeedState.Live);
        await database.ExecuteAsync("insert into tweet.activity (messageid, action, recorded_by) select messageid, 'rt', '3' from tweet.message");
        await service.Client.AssertEqualsViewAsync(database, "after the upgrade");
        Assert.That(await database.QueryAsync<string>("select twcache.log_form()"), Is.EqualTo("table"));
        Assert.That(await database.QueryAsync<string[]>("select twcache.problems()"), Is.Empty);
        Assert.That(await database.QueryAsync<bool>("select bool_and(tgqual is not null) from pg_trigger where tgfoid = 'twcache.activity_arrived'::regproc"));
    }

    [Test]
    public async Task ColumnRenamed_IsToldAndNoStatementFails()
    {
        await using var database = await TrialDatabase.CreateAsync(log: "table");
        await using var trial = await Trial.StartAsync(database);
        await trial.DoAsync("alter table tweet.activity rename column recorded_by to somebodys");
        await trial.ToldToCallersAsync("recorded_by");
        await trial.DoAsync("insert into tweet.activity (messageid, action, somebodys) values (1, 'rt', '3')");
        await trial.DoAsync("select * from twcache.set_log('table')");
        await trial.ExactAsync("the switch", Trial.MendedByHand);
        await trial.DoExactlyAsync("insert into tweet.activity (messageid, action, recorded_by) values (1, 'rt', null), (1, 'rt', '3')");
        await trial.FinishAsync();
    }

    [TestCase("table", "change")]
    [TestCase("change", "table")]
    public async Task CurrentCounts_ToASnapshotOfBeforeTheSwitch_AreRefused(string from, string to)
    {
        await using var database = await TrialDatabase.CreateAsync(log: from);
        await using var owner = await OpenAsync(database.ConnectionString);
        await Wait.UntilAsync(() => owner.QueryAsync<bool>("select counted from twcache.roll_up()"), RunningService.Patience, "the counts are written back");
        await using var reader = await OpenAsync(database.ConnectionString);
        await reader.ExecuteAsync("begin isolation level repeatable read; select count(*) from tweet.users");
        await owner.ExecuteAsync($"select * from twcache.set_log('{to}')");
        var refused = (await Assert.ThrowsAsync<PostgresException>(() => reader.ExecuteAsync("select * from twcache.current_counts")))!;
        Assert.That(refused.MessageText, Does.Contain("the current counts are not known"));
    }

    [Test]
    public async Task SetLog_WhereAViewStandsOnTheColumn_TakesNothingAway()
    {
        await using var database = await TrialDatabase.CreateAsync(log: "table");
        await using var owner = await OpenAsync(database.ConnectionString);
        await owner.ExecuteAsync("create view tweet.recent as select * from tweet.activity");
        await owner.ExecuteAsync(
            "begin; alter table tweet.activity disable trigger all; insert into tweet.activity (messageid, action, recorded_by) values (1, 'fav', '9999999999'); alter table tweet.activity enable trigger all; commit");
        var refused = (await Assert.ThrowsAsync<PostgresException>(() => owner.ExecuteAsync("select * from twcache.set_log('table')")))!;
        Assert.That(refused.SqlState, Is.EqualTo(PostgresErrorCodes.DependentObjectsStillExist));

        await owner.ExecuteAsync("drop view tweet.recent");
        await owner.ExecuteAsync("select * from twcache.set_log('table')");
        Assert.That(await owner.QueryAsync<bool>("select twcache.foreign_rows() is null"));
        var written = (await Assert.ThrowsAsync<PostgresException>(() => owner.ExecuteAsync("begin; insert into tweet.activity (messageid, action) values (1, 'rt'); select * from twcache.set_log('table')")))!;
        Assert.That(written.MessageText, Does.Contain("needs a transaction of its own"));
    }

    [Test]
    public async Task IndexGone_IsToldWithTheStatementThatMendsIt()
    {
        await using var database = await TrialDatabase.CreateAsync(log: "table");
        await using var trial = await Trial.StartAsync(database);
        await trial.DoAsync("drop index tweet.activity_recorded_by_idx");
        await trial.ToldAsync("has no B-tree index that begins with recorded_by", "create index concurrently");
        await trial.DoAsync("create index on tweet.activity (recorded_by) where recorded_by is not null");
        await trial.ExactAsync("the index", Trial.MendedByHand);
        await trial.FinishAsync();
    }

    [Test]
    public async Task Audits_BesideRandomWriters_FindNothing()
    {
        await using var database = await TrialDatabase.CreateAsync(log: "table");
        await FaultStatements.FillAsync(database);
        await using var service = await RunningService.StartAsync(database.ConnectionString, "--Audit:Interval=0");
        await using var writers = new FaultWriters(TimeSpan.FromMilliseconds(2));
        writers.Start(database.ConnectionString);
        for (var audit = 0; audit < 15; audit++)
        {
            await writers.WriteMoreAsync(20);
            var answer = await service.Client.AuditNowAsync(new AuditNowRequest());
            Assert.That(answer.Differences, Is.Zero);
        }

        await writers.StopAsync();
        await service.AssertEqualsViewAsync(database);
    }

    private static async Task CopyAsync(TrialDatabase database, string sql, string rows)
    {
        await using var connection = await OpenAsync(database.ConnectionString);
        await using var copy = await connection.BeginTextImportAsync(sql);
        await copy.WriteAsync(rows);
    }

    private static async Task<NpgsqlConnection> OpenAsync(string connectionString)
    {
        var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync();
        return connection;
    }
}
