using System.Diagnostics;
using System.Globalization;
using CacheService.Client;
using CacheService.IntegrationTests.Faults;
using CacheService.IntegrationTests.Infrastructure;
using CacheService.IntegrationTests.Rollup;
using Npgsql;
using FeedState = TweetCounts.V1.FeedState;

namespace CacheService.IntegrationTests.Soak;

/// <summary>Random faults, one after the other, for as long as it is told to: <c>./test.sh soak [minutes]</c>.</summary>
[Explicit("takes as long as TWCACHE_SOAK_MINUTES says, 20 by default")]
[Category("Soak")]
internal sealed class SoakTests
{
    private const int Mirrors = 3;
    private const string RollUpOften = "--Rollup:Interval=00:00:01";

    private static readonly TimeSpan WriterPace = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan StaleAfter = TimeSpan.FromSeconds(2);

    [Test]
    public async Task Service_UnderRandomFaults_StaysExactAndSmall()
    {
        var duration = TimeSpan.FromMinutes(Number("TWCACHE_SOAK_MINUTES") ?? 20);
        var seed = Number("TWCACHE_SOAK_SEED") ?? Environment.TickCount;
        await TestContext.Progress.WriteLineAsync($"a soak of {duration.TotalMinutes} minutes, TWCACHE_SOAK_SEED={seed}");

        await using var server = await PrivateServer.StartAsync();
        await FaultStatements.PrepareAsync(server);
        await using var proxy = new SwallowingProxy(server.Port);
        var throughProxy = new NpgsqlConnectionStringBuilder(server.ConnectionString) { Port = proxy.Port }.ConnectionString;
        // The first is never killed, so that its memory can be followed.
        await using var service = FaultService.StartProcess(throughProxy, "--Feed:DrainTimeout=00:00:02", RollUpOften);
        await using var other = FaultService.StartProcess(server.ConnectionString, RollUpOften);
        await service.WaitForStateAsync(FeedState.Live);
        await other.WaitForStateAsync(FeedState.Live);
        await using var writers = new FaultWriters(WriterPace);
        writers.Start(server.ConnectionString);
        await using var checker = new HonestyChecker(service, writers, StaleAfter);
        await using var otherChecker = new HonestyChecker(other, writers, StaleAfter);
        using var client = new TweetCountsClient(new TweetCountsClientOptions { Addresses = { service.Address } });
        var mirrors = Enumerable.Range(0, Mirrors).Select(_ => client.StartMirror(WatchOptions.All)).ToArray();

        var log = new SoakLog(service.Process!.Id, server, writers, [checker, otherChecker]);
        var faults = new SoakFaults(server, proxy, service, other, writers, new Random(seed));
        var started = Stopwatch.GetTimestamp();
        try
        {
            while (Stopwatch.GetElapsedTime(started) < duration)
            {
                await faults.CauseOneAsync();
                var over = Stopwatch.GetTimestamp();
                await checker.States.WaitForLiveAsync(over);
                await otherChecker.States.WaitForLiveAsync(over);
                await writers.WriteMoreAsync(200);

                await writers.StopAsync();
                await service.Client.AssertEqualsViewAsync(server, $"after: {faults.Last}");
                await other.Client.AssertEqualsViewAsync(server, $"in the other, after: {faults.Last}");
                foreach (var mirror in mirrors)
                {
                    await AssertMirrorsAsync(mirror, server);
                }

                await AssertSqlReadersAsync(server, faults.Last);

                // Else the tables, and the time that comparing takes, would grow.
                await server.ExecuteAsync("delete from tweet.activity where messageid in (select messageid from tweet.message join tweet.users using (userid) where uname = 'Puck') and random() < 0.7");
                await server.ExecuteAsync("delete from tweet.message where userid = (select userid from tweet.users where uname = 'Puck') and messageid < (select max(messageid) from tweet.message) - 1000");
                checker.States.Forget();
                otherChecker.States.Forget();
                writers.Start(server.ConnectionString);
                await log.ReportEachMinuteAsync(faults.Count);
                Assert.That(checker.Violations.Concat(otherChecker.Violations), Is.Empty, faults.Last);
            }
        }
        catch
        {
            await TestContext.Progress.WriteLineAsync($"the soak ends after: {faults.Last}\n{Tail(service.LogText)}\n-- the other:\n{Tail(other.LogText)}");
            throw;
        }
        finally
        {
            await writers.StopAsync();
            foreach (var mirror in mirrors)
            {
                await mirror.DisposeAsync();
            }
        }

        await log.SumUpAsync(faults);
        log.AssertFlat();
    }

    /// <summary>What the watcher has been told, once it has been told all.</summary>
    private static async Task AssertMirrorsAsync(CountsMirror mirror, PrivateServer server)
    {
        var expected = await server.ReadViewAsync();
        await Wait.UntilAsync(
            () => mirror.Count == expected.Count && mirror.All(counts => expected.TryGetValue(counts.MessageId, out var one) && one == (counts.Retweets, counts.Likes)),
            RunningService.Patience,
            $"a watcher has been told the view's counts ({mirror.State}: {mirror.Detail})");
    }

    /// <summary>What SQL reads, once it is known again, and what was written back with what has changed since.</summary>
    private static async Task AssertSqlReadersAsync(PrivateServer server, string after)
    {
        await Wait.UntilAsync(
            async () =>
            {
                try
                {
                    Assert.That(await server.QueryAsync<long>(RollupDatabase.DifferencesSql), Is.Zero, $"current_counts and the view, after: {after}");
                    return true;
                }
                catch (PostgresException e) when (e.MessageText.StartsWith("the current counts are not known", StringComparison.Ordinal))
                {
                    return false;
                }
            },
            RunningService.Patience,
            $"SQL reads current counts, after: {after}");
        Assert.That(await server.QueryAsync<long>(RollupDatabase.CounterDifferencesSql), Is.Zero, $"counters and what is pending, after: {after}");
    }

    private static string Tail(string log) => string.Join('\n', log.Split('\n').TakeLast(30));

    private static int? Number(string variable) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture, out var number) ? number : null;
}
