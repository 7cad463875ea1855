using System.Diagnostics;
using CacheService.IntegrationTests.Infrastructure;
using CacheService.Postgres;
using CacheService.Postgres.Embedded;
using Npgsql;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Postgres;

// Beside other fixtures: it has databases of its own, and measures nothing.
[Parallelizable(ParallelScope.Self)]
internal sealed class SchemaInstallerTests
{
    [Test]
    public async Task Files_AppliedByPsqlAlone_AreWhatTheServiceNeeds()
    {
        await using var database = await TestDatabase.CreateAsync();
        for (var time = 0; time < 2; time++)
        {
            foreach (var file in SqlFiles.Names)
            {
                await RunPsqlAsync(database, file);
            }
        }

        await using var service = await RunningService.StartAsync(database.ConnectionString);
        Assert.That(service.Log.Has("SchemaFileApplied"), Is.False);
        await database.AddMessagesAsync(2);
        await service.AssertEqualsViewAsync(database);
    }

    [Test]
    public async Task Start_OfThreeServicesOnAnEmptyDatabase_AppliesEachFile()
    {
        await using var database = await TestDatabase.CreateAsync();
        var services = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => RunningService.StartAsync(database.ConnectionString)));

        var applied = services.SelectMany(service => service.Log.Entries).Where(entry => entry.EventName == "SchemaFileApplied").Select(entry => entry.Message);
        Assert.That(applied.Distinct(), Is.EquivalentTo(SqlFiles.Names.Select(name => $"Applied sql/{name} to the database.")));
        foreach (var service in services)
        {
            await service.DisposeAsync();
        }
    }

    [Test]
    public async Task Start_AsAReaderOfAFinishedSchema_IsLiveAndExact()
    {
        await using var database = await TestDatabase.CreateAsync();
        await database.ApplySchemaAsync();
        await using var role = await TestRole.CreateAsync("twcache_reader");

        await using var service = await RunningService.StartAsync(role.ConnectionStringTo(database));
        await database.AddMessagesAsync(3);
        await database.ExecuteAsync("insert into tweet.activity (messageid, action) select messageid, 'rt' from tweet.message");
        await service.AssertEqualsViewAsync(database);
    }

    [Test]
    public async Task Service_WithAnOperatorOfOthersInThePublicSchema_CountsWithoutIt()
    {
        await using var database = await TestDatabase.CreateAsync();
        await database.ApplySchemaAsync();
        await database.ExecuteAsync(
            """
            create function public.never(tweet.action_t, tweet.action_t) returns bool language plpgsql as $$ begin raise exception 'run by %', current_user; end $$;
            create operator public.= (leftarg = tweet.action_t, rightarg = tweet.action_t, function = public.never)
            """);
        await database.AddMessagesAsync(2);
        await database.ExecuteAsync("insert into tweet.activity (messageid, action) select messageid, 'rt' from tweet.message");

        await using var service = await RunningService.StartAsync(database.ConnectionString);
        await database.ExecuteAsync("insert into tweet.activity (messageid, action) select messageid, 'de-fav' from tweet.message");

        var counts = await service.Client.GetCountsAsync(new GetCountsRequest { MessageId = 1, Read = new ReadOptions { Strong = true } });
        Assert.That((counts.Counts.Retweets, counts.Counts.Likes), Is.EqualTo((1, -1)));
        var audit = await service.Client.AuditNowAsync(new AuditNowRequest());
        Assert.That((audit.Messages, audit.Differences), Is.EqualTo((2, 0)));
    }

    [Test]
    public async Task Writer_WithOperatorsOfItsOwnFirstInItsPath_HasThemNotRunByTheTriggers()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString);
        await using var writer = await database.OpenAsync();
        await writer.ExecuteAsync("create schema evil");
        foreach (var (name, types) in new[] { ("=", "tweet.action_t"), ("<=", "timestamptz"), (">=", "timestamptz"), ("=", "int8"), ("+", "int8"), ("-", "int8"), ("<>", "int8"), ("<>", "numeric") })
        {
            await writer.ExecuteAsync($"create or replace function evil.run({types}, {types}) returns bool language plpgsql as $$ begin raise 'run as %', current_user; end $$");
            await writer.ExecuteAsync($"create operator evil.{name} (leftarg = {types}, rightarg = {types}, function = evil.run)");
        }

        await writer.ExecuteAsync(
            """
            create function evil.pg_notify(text, text) returns void language plpgsql as $$ begin raise 'run as %', current_user; end $$;
            create function evil.pg_try_advisory_xact_lock_shared(int, int) returns bool language plpgsql as $$ begin raise 'run as %', current_user; end $$;
            create function evil.clock_timestamp() returns timestamptz language plpgsql as $$ begin raise 'run as %', current_user; end $$;
            set search_path = evil, pg_catalog;
            insert into tweet.users (uname) values ('Puck');
            insert into tweet.message (userid, message) select userid, 'message' from tweet.users;
            insert into tweet.activity (messageid, action) values (1, 'rt'), (1, 'fav');
            update tweet.activity set action = 'rt';
            delete from tweet.activity;
            insert into tweet.activity (messageid, action) values (1, 'de-rt');
            """);

        await service.AssertEqualsViewAsync(database);
    }

    [Test]
    public async Task Writer_WithTheWriterRoleOnly_ChangesTheCountsAndReadsNoPlumbing()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString);
        await using var role = await TestRole.CreateAsync("twcache_writer");
        await using var writer = new NpgsqlConnection(role.ConnectionStringTo(database));
        await writer.OpenAsync();

        await writer.ExecuteAsync("insert into tweet.users (uname) values ('Puck'); insert into tweet.message (userid, message) select userid, 'm' from tweet.users");
        await writer.ExecuteAsync("insert into tweet.activity (messageid, action) select messageid, 'rt' from tweet.message");

        await service.AssertEqualsViewAsync(database);
        foreach (var forbidden in new[] { "table twcache.change", "delete from twcache.consumer", "select twcache.trim(1)", "select setval('twcache.lease', 0)" })
        {
            var error = await Assert.ThrowsAsync<PostgresException>(() => writer.ExecuteAsync(forbidden));
            Assert.That(error!.SqlState, Is.EqualTo(PostgresErrorCodes.InsufficientPrivilege), forbidden);
        }
    }

    [Test]
    public async Task Start_WithAFileMissingAndNoRightToApplyIt_NamesTheFile()
    {
        await using var database = await TestDatabase.CreateAsync();
        await database.ApplySchemaAsync();
        await database.ExecuteAsync("delete from twcache.schema_file where name = '920_triggers.sql'");
        await using var role = await TestRole.CreateAsync("twcache_reader");

        await AssertFailsToStartAsync(role.ConnectionStringTo(database), "sql/920_triggers.sql");
    }

    [Test]
    public async Task Start_OnAnEmptyDatabaseWithoutRights_NamesTheFirstFile()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var role = await TestRole.CreateAsync();

        await AssertFailsToStartAsync(role.ConnectionStringTo(database), "sql/010_check.sql");
    }

    [TestCase("revoke select on tweet.users from twcache_reader", "select on tweet.users")]
    [TestCase("revoke execute on function twcache.renew(text, pg_snapshot, int) from twcache_reader", "execute on function twcache.renew")]
    [TestCase("revoke usage on schema twcache from twcache_reader", "twcache")]
    public async Task Start_WithAGrantMissing_NamesTheGrant(string revoke, string named)
    {
        await using var database = await TestDatabase.CreateAsync();
        await database.ApplySchemaAsync();
        await using var role = await TestRole.CreateAsync("twcache_reader");
        await database.ExecuteAsync(revoke);

        await AssertFailsToStartAsync(role.ConnectionStringTo(database), named);
    }

    [Test]
    public async Task Start_WithATriggerDisabled_NamesItAndGoesOnWhenItIsMended()
    {
        await using var database = await TestDatabase.CreateAsync();
        await database.ApplySchemaAsync();
        await database.ExecuteAsync("alter table tweet.activity disable trigger twcache_activity_delete");

        await using var service = await RunningService.StartWithoutWaitingAsync(database.ConnectionString);
        await Wait.UntilAsync(() => service.Status.Condition.Detail.Contains("twcache_activity_delete"), RunningService.Patience, "the service says why it is not LIVE");
        Assert.That(service.StartFailure, Is.Null);
        await database.ExecuteAsync("alter table tweet.activity enable trigger twcache_activity_delete");
        await service.WaitForLiveAsync();
    }

    private static async Task AssertFailsToStartAsync(string connectionString, string words)
    {
        await using var service = await RunningService.StartWithoutWaitingAsync(connectionString);
        await Wait.UntilAsync(() => service.StartFailure is not null, RunningService.Patience, "the service says why it cannot start");
        Assert.That(service.StartFailure, Does.Contain(words).And.Not.Contain("\n"));
        Assert.That(service.StartFailure, Does.Contain("grant twcache_reader"));
    }

    private static async Task RunPsqlAsync(TestDatabase database, string file)
    {
        var target = new NpgsqlConnectionStringBuilder(database.ConnectionString);
        var binaries = await PostgresBinaries.FindAsync(null, Environment.GetEnvironmentVariable("PATH"), PostgresPlaces.Usual(), null, CancellationToken.None);
        var path = Path.GetTempFileName();
        await File.WriteAllTextAsync(path, SqlFiles.Read(file));
        var start = new ProcessStartInfo(binaries.Psql, ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", path])
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
            Environment =
            {
                ["PGHOST"] = target.Host,
                ["PGPORT"] = $"{target.Port}",
                ["PGUSER"] = target.Username,
                ["PGPASSWORD"] = target.Password,
                ["PGDATABASE"] = target.Database,
            },
        };
        using var psql = Process.Start(start)!;
        var (output, errors) = (psql.StandardOutput.ReadToEndAsync(), psql.StandardError.ReadToEndAsync());
        await psql.WaitForExitAsync();
        Assert.That(psql.ExitCode, Is.Zero, $"{file}: {await output} {await errors}");
        File.Delete(path);
    }
}
