using CacheService.IntegrationTests.Infrastructure;
using CacheService.Postgres.Embedded;
using Npgsql;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Faults;

/// <summary>The change log cannot be written, or not be trimmed.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class LogFaultsTests
{
    [Test]
    public async Task Trim_Failing_IsWarnedOfAndMadeUpForLater()
    {
        await using var database = await TestDatabase.CreateAsync();
        // The log is kept for the rest after a rollup that took long, which is a third of KeepFor at most.
        await using var run = await FaultRun.StartAsync("trim fails for a while", database, "--Feed:LeaseDuration=00:00:12", "--Rollup:KeepFor=00:00:30");
        await using var lag = new MachineLag();
        var trim = await database.QueryAsync<string>("select pg_get_functiondef('twcache.trim(int)'::regprocedure)");

        await database.ExecuteAsync(
            "create or replace function twcache.trim(max_rows int) returns int language plpgsql security definer set search_path = pg_catalog, pg_temp as $$ begin raise 'the trim is out of order'; end $$");
        await Wait.UntilAsync(() => run.Service.HasLogged("the trim is out of order"), RunningService.Patience, "the failure is logged");
        await run.Writers.WriteMoreAsync(500);
        var grown = await database.QueryAsync<long>("select count(*) from twcache.change");
        Assert.That(grown, Is.GreaterThan(500), "nothing is trimmed");
        Assert.That(run.Checker.States.LongestNotLive, Is.LessThan(lag.Allow(FaultRun.AMoment)), "counts are as exact as before");
        await database.ExecuteAsync(trim);

        await run.EndFaultAsync();
        await Wait.UntilAsync(
            async () => await database.QueryAsync<long>("select count(*) from twcache.change where xid < (select pg_snapshot_xmin(pg_current_snapshot()))") < grown / 2,
            TimeSpan.FromMinutes(5),
            "the log is trimmed again");
        await run.FinishAsync();
        Assert.That(run.Checker.States.Reloads, Is.Zero);
    }

    [Test]
    public async Task Writer_WithoutRoomOnTheDisk_IsRolledBackAndNothingElseHappens()
    {
        // Above the size of a segment of the write-ahead log, which a backend must be able to write.
        const int MostBytes = 17 * 1024 * 1024;
        const string Large =
            """
            insert into tweet.message (userid, message)
            select userid, (select string_agg(md5(n::text || m), '') from generate_series(1, 240) m) from tweet.users, generate_series(1, 2700) n where uname = 'Cordelia'
            """;
        await using var server = await PrivateServer.StartAsync();
        await using var run = await FaultRun.StartAsync("a bulk insert runs out of room on the disk", server);

        await using (var writer = await server.OpenAsync())
        {
            await LimitFilesAsync(writer, MostBytes);
            var failure = await Assert.ThrowsAsync<PostgresException>(() => writer.ExecuteAsync(Large));
            Assert.That(failure!.MessageText, Does.Contain("could not extend file"));
        }

        await run.EndFaultAsync();
        await server.ExecuteAsync(Large);
        await run.EndFaultAsync();
        await run.FinishAsync();
        Assert.That(run.Checker.States.Reloads, Is.Zero);
    }

    [Test]
    public async Task Plumbing_LockedByAnother_TimesOutAndGoesOn()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var run = await FaultRun.StartAsync("the consumers' table locked for 8 s", database, "--Feed:DrainTimeout=00:00:02");

        await using var locking = await database.OpenAsync();
        await locking.ExecuteAsync("begin; lock table twcache.consumer in access exclusive mode");
        await run.Service.WaitForStateAsync(FeedState.Stale);
        await run.Service.AssertStateIsToldAlikeAsync(FeedState.Stale);
        await Pause.ForAsync(TimeSpan.FromSeconds(6));
        Assert.That(run.Service.HasLogged("The database cannot be followed"), "its statements have a limit");
        await locking.ExecuteAsync("rollback");

        await run.EndFaultAsync();
        await run.FinishAsync();
        Assert.That(run.Checker.States.Reloads, Is.Zero);
    }

    /// <summary>The largest file that a session can write: beyond it the kernel refuses, as a full disk does.</summary>
    private static async Task LimitFilesAsync(NpgsqlConnection connection, int bytes)
    {
        var pid = await connection.QueryAsync<int>("select pg_backend_pid()");
        // As the server's user, who may limit its own.
        var limit = await Command.RunAsync(ServerUser.Current().Command("prlimit", "--pid", $"{pid}", $"--fsize={bytes}"), TimeSpan.FromSeconds(10), CancellationToken.None);
        Assert.That(limit.Succeeded, limit.Output);
    }
}
