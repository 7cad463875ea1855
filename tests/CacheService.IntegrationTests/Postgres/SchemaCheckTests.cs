using CacheService.IntegrationTests.Infrastructure;
using CacheService.Postgres;
using Microsoft.Extensions.Logging.Abstractions;

namespace CacheService.IntegrationTests.Postgres;

/// <summary>What a database is refused for: in one message, before anything is created.</summary>
// Beside other fixtures: it has a database of its own, and measures nothing.
[Parallelizable(ParallelScope.Self)]
internal sealed class SchemaCheckTests
{
    private const string Message = "create table tweet.message (messageid bigint primary key, userid int, datetime timestamptz, message text);";
    private const string Activity = "create table tweet.activity (messageid bigint, action tweet.action_t);";

    [TestCase("create table tweet.message (messageid uuid primary key, userid int, datetime timestamptz, message text); create table tweet.activity (messageid uuid, action tweet.action_t)",
        "column tweet.message.messageid is of type uuid", "column tweet.activity.messageid is of type uuid", TestName = "Start_WithUuidKeys_IsRefused")]
    [TestCase("create table tweet.message (messageid numeric primary key, userid int, datetime timestamptz, message text);" + Activity, "tweet.message.messageid is of type numeric", TestName = "Start_WithANumericKey_IsRefused")]
    [TestCase("create table tweet.message (messageid text, datetime date, message text); create table tweet.activity (messageid bigint, action int)",
        "tweet.message.messageid is of type text", "tweet.message.userid does not exist", "tweet.message.datetime is of type date", "tweet.activity.action is of type integer", "no unique key on messageid alone", TestName = "Start_WithManyFaults_TellsAllOfThem")]
    [TestCase(Message + "create type tweet.little as enum ('rt', 'fav'); create table tweet.activity (messageid bigint, action tweet.little)", "tweet.little", "no label 'de-rt'", "no label 'de-fav'", TestName = "Start_WithLabelsMissing_IsRefused")]
    [TestCase(Message + "create table tweet.act (messageid bigint, action tweet.action_t); create view tweet.activity as table tweet.act", "tweet.activity is a view", TestName = "Start_WithAViewInPlaceOfATable_IsRefused")]
    [TestCase("create table tweet.msg (messageid bigint, userid int, datetime timestamptz, message text); create materialized view tweet.message as table tweet.msg;" + Activity, "tweet.message is a materialized view", TestName = "Start_WithAMaterializedViewInPlaceOfATable_IsRefused")]
    [TestCase(Message + "create extension postgres_fdw; create server elsewhere foreign data wrapper postgres_fdw; create table tweet.activity (messageid bigint, action tweet.action_t) partition by hash (messageid); "
        + "create foreign table tweet.far partition of tweet.activity for values with (modulus 1, remainder 0) server elsewhere", "tweet.far is a foreign table", TestName = "Start_WithAForeignPartition_IsRefused")]
    [TestCase("create table tweet.message (messageid bigint, userid int, datetime timestamptz, message text, unique (messageid, userid));" + Activity, "no unique key on messageid alone", TestName = "Start_WithoutAKey_IsRefused")]
    [TestCase(Message + Activity + "create view tweet.message_with_counters as select messageid, 0 as rts from tweet.message", "has no column favs", "does not read tweet.activity", TestName = "Start_WithAnotherView_IsRefused")]
    [TestCase(Message, "tweet.activity does not", TestName = "Start_WithOneTableOfTwo_IsRefused")]
    public async Task Start_OnAnUnsupportedSchema_SaysWhyAndCreatesNothing(string tables, params string[] words)
    {
        await using var database = await TestDatabase.CreateAsync();
        await database.ExecuteAsync(OwnSchema.Start + tables);
        var before = await CatalogAsync(database);

        var refusal = await RefusalAsync(database.ConnectionString);
        Assert.That(refusal, Does.Not.Contain('\n'));
        foreach (var expected in words)
        {
            Assert.That(refusal, Does.Contain(expected));
        }

        Assert.That(await CatalogAsync(database), Is.EqualTo(before), "nothing was created");
    }

    [Test]
    public async Task Start_OnAnUnsupportedSchema_EndsTheService()
    {
        await using var database = await TestDatabase.CreateAsync();
        await database.ExecuteAsync(OwnSchema.Start + "create table tweet.message (messageid uuid primary key, userid int, datetime timestamptz, message text); create table tweet.activity (messageid uuid, action text)");
        await using var service = await RunningService.StartWithoutWaitingAsync(database.ConnectionString);
        await Wait.UntilAsync(() => service.StartFailure is not null, RunningService.Patience, "the service says why it cannot start");
        Assert.That(service.StartFailure, Does.Contain("column tweet.message.messageid is of type uuid"));
        await database.ExecuteAsync("insert into tweet.activity values (gen_random_uuid(), 'rt')");
    }

    [TestCase(OwnSchema.Small, TestName = "Install_OnASmallSchema_IsDone")]
    [TestCase(OwnSchema.Partitioned, TestName = "Install_OnPartitions_IsDone")]
    [TestCase(OwnSchema.Inherited, TestName = "Install_OnATableWithAChild_IsDone")]
    [TestCase("create schema twcache", TestName = "Install_BesideAnEmptySchemaOfOurName_IsDone")]
    [TestCase(OwnSchema.Start + "create table tweet.message (messageid bigint, userid int, datetime timestamptz, message text, unique (messageid, datetime)) partition by hash (datetime); create table tweet.activity (messageid int, action varchar(9))",
        TestName = "Install_WithAKeyThatHasTheTime_IsDone")]
    public async Task Install_OnASupportedSchema_IsDoneWholeAndTwice(string schema)
    {
        await using var database = await TestDatabase.CreateAsync();
        await database.ExecuteAsync(schema);
        await EnsureAsync(database.ConnectionString);
        Assert.That(await database.QueryAsync<string[]>("select twcache.problems()"), Is.Empty);
        await database.ExecuteAsync("select messageid, rts, favs from tweet.message_with_counters");

        await database.ApplySchemaAsync();
        Assert.That(await database.QueryAsync<string[]>("select twcache.problems()"), Is.Empty);
        await EnsureAsync(database.ConnectionString, mayInstall: false);
    }

    [Test]
    public async Task Install_ByTheRoleThatTheMessageNames_WithWhatItNames_IsDone()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var owner = await TestRole.CreateAsync();
        await using var counts = await TestRole.CreateAsync();
        var (ownerName, countsName) = (new Npgsql.NpgsqlConnectionStringBuilder(owner.ConnectionStringTo(database)).Username, new Npgsql.NpgsqlConnectionStringBuilder(counts.ConnectionStringTo(database)).Username);
        await database.ExecuteAsync($"{OwnSchema.Small} alter schema tweet owner to {ownerName}; alter table tweet.users owner to {ownerName}; alter table tweet.message owner to {ownerName}; alter table tweet.activity owner to {ownerName}; "
            + $"grant create on database {database.Name} to {countsName}");

        var refusal = await RefusalAsync(counts.ConnectionStringTo(database));
        Assert.That(refusal, Does.Contain($"as {ownerName} or a superuser run psql").And.Contain($"grant create on database {database.Name} to {ownerName}").And.Contain($"grant twcache_reader to {countsName}"));
        Assert.That(await database.QueryAsync<bool>("select to_regnamespace('twcache') is null"));

        await database.ExecuteAsync($"grant create on database {database.Name} to {ownerName}");
        await EnsureAsync(owner.ConnectionStringTo(database));
        await database.ExecuteAsync($"grant twcache_reader to {countsName}");
        await EnsureAsync(counts.ConnectionStringTo(database), mayInstall: false);
        await database.ExecuteAsync($"drop schema twjobs, twcache, tweet cascade; revoke all on database {database.Name} from {ownerName}, {countsName}");
    }

    [Test]
    public async Task Install_AsARoleWhoseSettingsForbidIt_IsDone()
    {
        await using var database = await TestDatabase.CreateAsync();
        await database.ExecuteAsync(
            $"""
            alter database {database.Name} set statement_timeout = '20ms';
            alter database {database.Name} set lock_timeout = '1ms';
            alter database {database.Name} set idle_in_transaction_session_timeout = '20ms';
            alter database {database.Name} set default_transaction_read_only = on;
            alter database {database.Name} set default_transaction_isolation = 'serializable';
            alter database {database.Name} set search_path = 'twcache, tweet';
            alter database {database.Name} set row_security = off
            """);
        Npgsql.NpgsqlConnection.ClearAllPools();
        // The service's own sessions say what they depend on. This one does not, and on a slow machine what it looks at around the installation may take too long.
        await Wait.UntilAsync(
            async () =>
            {
                try
                {
                    await EnsureAsync(database.ConnectionString);
                    return true;
                }
                catch (Npgsql.PostgresException e) when (e.SqlState == Npgsql.PostgresErrorCodes.QueryCanceled)
                {
                    return false;
                }
            },
            RunningService.Patience,
            "it is installed");
        await using var connection = await database.OpenAsync();
        await connection.ExecuteAsync("set statement_timeout = 0");
        Assert.That(await connection.QueryAsync<string[]>("select twcache.problems()"), Is.Empty);
    }

    [Test]
    public async Task Install_OfWhatFailsInTheMidst_LeavesNothingBehind()
    {
        await using var database = await TestDatabase.CreateAsync();
        await database.ExecuteAsync("create schema twcache; create function twcache.trim(max_rows int) returns text language sql as 'select null::text'");
        var before = await CatalogAsync(database);
        var error = await Assert.ThrowsAsync<Npgsql.NpgsqlException>(() => EnsureAsync(database.ConnectionString));
        Assert.That(error!.Message, Does.Contain("sql/910_functions.sql could not be applied, and nothing was changed"));
        Assert.That(await CatalogAsync(database), Is.EqualTo(before));
    }

    [TestCase("insert into twcache.schema_file (name, version) values ('911_later.sql', 1)", "sql/911_later.sql, which this service does not have")]
    [TestCase("update twcache.schema_file set version = 99 where name = '920_triggers.sql'", "sql/920_triggers.sql in version 99")]
    public async Task Start_OnADatabaseOfALaterVersion_SaysSoAndChangesNothing(string later, string words)
    {
        await using var database = await TestDatabase.CreateAsync();
        await database.ApplySchemaAsync();
        await database.ExecuteAsync($"{later}; delete from twcache.schema_file where name = '910_functions.sql'; create or replace function twcache.problems() returns text[] language sql as 'select null::text[]'");

        Assert.That(await RefusalAsync(database.ConnectionString), Does.Contain("A later version of the service has set this database up").And.Contain(words));
        var error = await Assert.ThrowsAsync<Npgsql.PostgresException>(() => database.ExecuteAsync(SqlFiles.Read(SqlFiles.Check)));
        Assert.That(error!.MessageText, Does.Contain("a later version"));
        Assert.That(await database.QueryAsync<bool>("select twcache.problems() is null"));
    }

    [Test]
    public async Task LaterConnection_WhereAFileIsGone_InstallsNothing()
    {
        await using var database = await TestDatabase.CreateAsync();
        await EnsureAsync(database.ConnectionString);
        await database.ExecuteAsync("drop schema twcache, tweet cascade");
        var error = await Assert.ThrowsAsync<DatabaseSetupException>(() => EnsureAsync(database.ConnectionString, mayInstall: false));
        Assert.That(error!.Message, Does.Contain("a restore may be under way"));
        Assert.That(await database.QueryAsync<bool>("select to_regnamespace('twcache') is null"));
    }

    [Test]
    public async Task Install_BesideALongTransaction_SaysWhoHoldsItUp_AndHoldsUpNoWriter()
    {
        await using var database = await TestDatabase.CreateAsync();
        await database.ExecuteAsync(OwnSchema.Small);
        await using var writer = await database.OpenAsync();
        await writer.ExecuteAsync("set application_name = 'long writer'; begin; insert into tweet.activity values (1, 'rt')");
        var error = await Assert.ThrowsAsync<TimeoutException>(() => EnsureAsync(database.ConnectionString));
        Assert.That(error!.Message, Does.Contain("long writer"));
        await database.ExecuteAsync("set statement_timeout = '10s'; insert into tweet.activity values (1, 'rt')");
        await writer.ExecuteAsync("commit");
        await EnsureAsync(database.ConnectionString);
    }

    [TestCase("create index other_name on tweet.activity (messageid, action)", 1, TestName = "Index_OfAnotherName_IsEnough")]
    [TestCase("insert into tweet.activity select 1, 'rt' from generate_series(1, 10001)", 0, TestName = "Index_OfALargeTable_IsLeftToTheOperator")]
    [TestCase("create index partial on tweet.activity (messageid) where action = 'rt'", 2, TestName = "Index_OfSomeRows_IsNotEnough")]
    public async Task Index_OfActivity(string before, int expected)
    {
        await using var database = await TestDatabase.CreateAsync();
        await database.ExecuteAsync(OwnSchema.Small + before);
        await EnsureAsync(database.ConnectionString);
        Assert.That(await database.QueryAsync<long>("select count(*) from pg_index where indrelid = 'tweet.activity'::regclass"), Is.EqualTo(expected));
    }

    private static async Task<string> RefusalAsync(string connectionString) =>
        (await Assert.ThrowsAsync<DatabaseSetupException>(() => EnsureAsync(connectionString)))!.Message;

    private static async Task EnsureAsync(string connectionString, bool mayInstall = true)
    {
        await using var connection = new Npgsql.NpgsqlConnection(connectionString);
        await connection.OpenAsync();
        await new SchemaInstaller(NullLogger<SchemaInstaller>.Instance).EnsureAsync(connection, mayInstall, CancellationToken.None);
    }

    private static Task<string> CatalogAsync(TestDatabase database) => database.QueryAsync<string>(
        """
        select concat((select string_agg(nspname, ',' order by nspname) from pg_namespace), '; ', (select string_agg(oid::regclass::text, ',' order by oid) from pg_class where oid > 16383), '; ',
                      (select string_agg(tgname, ',' order by oid) from pg_trigger), '; ', (select string_agg(proname, ',' order by oid) from pg_proc where oid > 16383))
        """);
}
