using CacheService.IntegrationTests.AnyDatabase;
using CacheService.IntegrationTests.Faults;
using CacheService.IntegrationTests.Infrastructure;

namespace CacheService.IntegrationTests.Upgrades;

/// <summary>Databases that earlier versions have made, and one that a later version has: brought up whole or not at all, exact all the while.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class UpgradeTests
{
    private const int Transactions = 150;

    private static readonly TimeSpan WriterPace = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan StaleAfter = TimeSpan.FromSeconds(2);

    [TestCaseSource(typeof(Landed), nameof(Landed.Versions))]
    public async Task NewService_OnALandedDatabase_IsExactAndTheOldOneStaysSo(string version)
    {
        var landed = new Landed(version);
        await using var database = await landed.CreateDatabaseAsync();
        await using var old = await OldConsumer.StartAsync(landed, database.AsCounts);
        await using var writers = new FaultWriters(WriterPace);
        writers.Start(database.ConnectionString);
        await writers.WriteMoreAsync(Transactions);

        await using var service = await FaultService.StartHereAsync(database.ConnectionString);
        await using var checker = new HonestyChecker(service, writers, StaleAfter);
        await WaitForLiveAsync(service, writers);
        await writers.WriteMoreAsync(Transactions);
        var renewals = old.Renewals;
        // One may be under way already.
        await Wait.UntilAsync(() => old.Renewals > renewals + 1, RunningService.Patience, "the old one goes on renewing its lease");
        // A deploy that goes back and forth: one more of the old version starts on what the new one has made.
        await using var late = await OldConsumer.StartAsync(landed, database.AsCounts);
        await writers.WriteMoreAsync(Transactions);
        await writers.StopAsync();
        await checker.DisposeAsync();
        Assert.That(checker.Violations, Is.Empty);
        await database.ExecuteAsync("truncate tweet.activity; insert into tweet.activity (messageid, action) select messageid, 'rt' from tweet.message");

        await service.Client.AssertEqualsViewAsync(database, $"after an upgrade from {version}");
        await old.AssertEqualsViewAsync(database);
        await late.AssertEqualsViewAsync(database);
        await TestContext.Progress.WriteLineAsync(
            $"upgrade from {version}: {writers.Committed} transactions ({writers.Failures}); the old consumer: {old.Drains} drains, loads: {string.Join("; ", old.Loads)}; {checker.Checked} reads checked");
        Assert.That(old.Loads, Has.Count.LessThanOrEqualTo(4), "the upgrade and the TRUNCATE make it load afresh, nothing again and again");
    }

    [TestCaseSource(typeof(Landed), nameof(Landed.Versions))]
    public async Task Psql_OnALandedDatabase_BringsItUpAndTheLeastRoleIsExact(string version)
    {
        var landed = new Landed(version);
        await using var database = await TrialDatabase.CreateEmptyAsync();
        // By its owner, who is no superuser, both times.
        await landed.ApplyAsync(database, database.AsOwner);
        await database.GrantReaderAsync();
        await FaultStatements.FillAsync(database);
        await using var old = await OldConsumer.StartAsync(landed, database.AsCounts);
        await using var writers = new FaultWriters(WriterPace);
        writers.Start(database.ConnectionString);

        await database.ApplySchemaByPsqlAsync(database.AsOwner);
        await database.ApplySchemaByPsqlAsync(database.AsOwner);
        await using var service = await FaultService.StartHereAsync(database.AsCounts);
        await using var checker = new HonestyChecker(service, writers, StaleAfter);
        await WaitForLiveAsync(service, writers);
        await writers.WriteMoreAsync(Transactions);
        await writers.StopAsync();

        await service.Client.AssertEqualsViewAsync(database, $"after an upgrade from {version} by psql");
        await old.AssertEqualsViewAsync(database);
        await checker.DisposeAsync();
        Assert.That(checker.Violations, Is.Empty);
        Assert.That(service.HasLogged("Applied sql/"), Is.False, "psql has left nothing to do");
    }

    [Test]
    public async Task Psql_OverFilesOfTwoLandedVersions_BringsItUp()
    {
        await using var database = await TrialDatabase.CreateEmptyAsync();
        await new Landed(Landed.Versions[0]).ApplyAsync(database, database.AsOwner);
        await new Landed(Landed.Versions[^1]).ApplyAsync(database, database.AsOwner);
        await database.GrantReaderAsync();
        await FaultStatements.FillAsync(database);

        await database.ApplySchemaByPsqlAsync(database.AsOwner);
        await AssertExactAsync(database, database.AsCounts);
    }

    [Test]
    public async Task Psql_OnAnEmptyDatabaseTwice_IsAllThatIsNeeded()
    {
        await using var database = await TrialDatabase.CreateEmptyAsync();
        await database.ApplySchemaByPsqlAsync(database.AsOwner);
        await database.ApplySchemaByPsqlAsync(database.AsOwner);
        await database.GrantReaderAsync();
        await FaultStatements.FillAsync(database);
        await AssertExactAsync(database, database.AsCounts);
    }

    [TestCase(null, TestName = "TwoServices_StartedAtOnceOnAnEmptyDatabase_AreExact")]
    [TestCase("7ed7426", TestName = "TwoServices_StartedAtOnceOnALandedDatabase_AreExact")]
    public async Task TwoServices_StartedAtOnce_AreExact(string? version)
    {
        await using var database = version is null ? await TrialDatabase.CreateEmptyAsync() : await new Landed(version).CreateDatabaseAsync();
        var services = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => RunningService.StartWithoutWaitingAsync(database.ConnectionString)));
        try
        {
            await Task.WhenAll(services.Select(service => service.WaitForLiveAsync()));
            await database.AddMessagesAsync(5);
            await database.ExecuteAsync("insert into tweet.activity (messageid, action) select messageid, 'rt' from tweet.message");
            foreach (var service in services)
            {
                await service.AssertEqualsViewAsync(database);
            }
        }
        finally
        {
            foreach (var service in services)
            {
                await service.DisposeAsync();
            }
        }
    }

    [TestCaseSource(typeof(Landed), nameof(Landed.Versions))]
    public async Task LeastRole_OnALandedDatabase_IsToldWhoBringsItUp(string version)
    {
        await using var database = await TrialDatabase.CreateEmptyAsync();
        await new Landed(version).ApplyAsync(database, database.AsOwner);
        await database.GrantReaderAsync();
        var before = await ReadPlumbingAsync(database);
        await using (var service = await RunningService.StartWithoutWaitingAsync(database.AsCounts))
        {
            service.ExpectsErrors = true;
            await Wait.UntilAsync(() => service.StartFailure is not null, RunningService.Patience, "the service has refused");
            await TestContext.Progress.WriteLineAsync($"refused: {service.StartFailure}");
            Assert.That(service.StartFailure ?? "nothing", Does.Contain("sql/").And.Contain("psql"));
        }

        Assert.That(await ReadPlumbingAsync(database), Is.EqualTo(before), "nothing was changed");
        await database.ApplySchemaByPsqlAsync(database.AsOwner);
        await FaultStatements.FillAsync(database);
        await AssertExactAsync(database, database.AsCounts);
    }

    [TestCase("insert into twcache.schema_file (name) values ('999_of_tomorrow.sql')", TestName = "LaterVersion_WithAFileMore_IsLeftAlone")]
    [TestCase("update twcache.schema_file set version = version + 1000 where name = (select max(name) from twcache.schema_file)", TestName = "LaterVersion_WithALaterFile_IsLeftAlone")]
    public async Task LaterVersion_IsToldAndLeftAlone(string later)
    {
        await using var database = await TrialDatabase.CreateAsync();
        await database.ExecuteAsync(later);
        await database.ExecuteAsync("create or replace function twcache.of_tomorrow() returns int language sql as 'select 1'; drop trigger if exists twcache_activity_update on tweet.activity");
        var before = await ReadPlumbingAsync(database);

        await using var service = await RunningService.StartWithoutWaitingAsync(database.ConnectionString);
        service.ExpectsErrors = true;
        await Wait.UntilAsync(() => service.StartFailure is not null, RunningService.Patience, "the service has refused");
        await TestContext.Progress.WriteLineAsync($"refused: {service.StartFailure}");

        Assert.That(service.StartFailure ?? "nothing", Does.Contain("later").Or.Contain("newer"));
        Assert.That(await ReadPlumbingAsync(database), Is.EqualTo(before), "nothing was changed");
    }

    [Test]
    public async Task Upgrade_HeldUpByAWriter_IsWholeOrNotAtAll()
    {
        await using var database = await new Landed(Landed.Versions[0]).CreateDatabaseAsync();
        var before = await ReadPlumbingAsync(database);
        await using var writer = await database.OpenAsync();
        await writer.ExecuteAsync("begin; insert into tweet.activity (messageid, action) values (1, 'rt')");
        await using var trial = await Trial.StartWithoutWaitingAsync(database, database.ConnectionString);

        // It waits for moments only: other writers are not held up meanwhile.
        await using var other = await database.OpenAsync();
        await using var lag = new MachineLag();
        var longest = TimeSpan.Zero;
        for (var n = 0; n < 100; n++)
        {
            var started = System.Diagnostics.Stopwatch.GetTimestamp();
            await other.ExecuteAsync("insert into tweet.activity (messageid, action) values (2, 'fav')");
            var took = System.Diagnostics.Stopwatch.GetElapsedTime(started);
            longest = took > longest ? took : longest;
            await Pause.ForAsync(TimeSpan.FromMilliseconds(10));
        }

        Assert.That(await ReadPlumbingAsync(database), Is.EqualTo(before), "nothing is done by half");
        await TestContext.Progress.WriteLineAsync($"writers beside an upgrade that waits: {longest.TotalMilliseconds:F0} ms at most; {trial.Service.Status.Condition.Detail}");
        Assert.That(longest, Is.LessThan(lag.Allow(TimeSpan.FromSeconds(4))));
        await trial.DoAsync("commit", () => writer.ExecuteAsync("commit"));

        await trial.ExactAsync("the writer's end", Trial.MendedByHand * 2);
        await trial.RetweetAsync();
        await trial.ExactAsync("a retweet", Trial.Mends);
        await trial.FinishAsync();
    }

    private static Task WaitForLiveAsync(FaultService service, FaultWriters writers) =>
        writers.WaitBesideThemAsync(async () => await service.TryGetStateAsync() == TweetCounts.V1.FeedState.Live, "the upgraded database is followed");

    private static async Task AssertExactAsync(TrialDatabase database, string connectionString)
    {
        await using var trial = await Trial.StartWithoutWaitingAsync(database, connectionString);
        await trial.ExactAsync("the start", Trial.MendedByHand);
        await trial.DoExactlyAsync("insert into tweet.activity (messageid, action) select messageid, 'rt' from tweet.message");
        await trial.DoExactlyAsync("update tweet.activity set action = 'fav' where id % 3 = 0");
        await trial.DoExactlyAsync("delete from tweet.message where messageid % 10 = 0");
        await trial.DoExactlyAsync("update tweet.message set messageid = 900 where messageid = 11");
        await trial.DoExactlyAsync("truncate tweet.activity");
        await trial.DoExactlyAsync("insert into tweet.activity (messageid, action) select messageid, 'rt' from tweet.message");
        await trial.FinishAsync();
    }

    /// <summary>What the plumbing is made of, to the letter.</summary>
    private static Task<string> ReadPlumbingAsync(TrialDatabase database) => database.QueryAsync<string>(
        """
        select string_agg(what, E'\n' order by what)
          from (select pg_get_functiondef(oid) as what from pg_proc where pronamespace = 'twcache'::regnamespace
                union all select pg_get_triggerdef(oid) || tgenabled::text from pg_trigger where not tgisinternal
                union all select attrelid::regclass || ' ' || attname || ' ' || atttypid::regtype from pg_attribute join pg_class c on c.oid = attrelid
                           where c.relnamespace in ('twcache'::regnamespace, 'tweet'::regnamespace) and attnum > 0
                union all select name from twcache.schema_file) as part
        """);
}
