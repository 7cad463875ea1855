using System.Diagnostics;
using CacheService.IntegrationTests.Infrastructure;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Faults;

/// <summary>Several services on one database, each a process: what happens to one is no harm to the others.</summary>
// They pass their time waiting, each for services of its own.
[Parallelizable(ParallelScope.All)]
internal sealed class SeveralCachesFaultsTests
{
    private const string ShortLease = "--Feed:LeaseDuration=00:00:03";

    [Test]
    public async Task Ringer_Killed_IsReplacedByAnother()
    {
        await using var database = await TestDatabase.CreateAsync();
        var ringer = FaultService.StartProcess(database.ConnectionString);
        await using var run = await FaultRun.StartAsync("ringer of two caches killed and started again", database, () => Task.FromResult(ringer));
        var follower = await JoinAsync(run, database);

        await ringer.KillAsync();
        await WaitForRingerAsync(follower);
        await run.Writers.WriteMoreAsync(100);
        ringer.StartAgain();

        await run.EndFaultAsync();
        await run.FinishAsync();
    }

    [Test]
    public async Task Ringer_Frozen_LosesItsSessionsAndIsReplaced()
    {
        await using var database = await TestDatabase.CreateAsync();
        var ringer = FaultService.StartProcess(database.ConnectionString, ShortLease);
        await using var run = await FaultRun.StartAsync("ringer of two caches frozen for longer than its lease", database, () => Task.FromResult(ringer));
        var follower = await JoinAsync(run, database, ShortLease);

        await ProcessSignals.FreezeAsync(ringer.Process!.Id);
        await WaitForRingerAsync(follower);
        await Wait.UntilAsync(() => follower.HasLogged("Ended "), RunningService.Patience, "the follower has ended the sessions");
        await run.Writers.WriteMoreAsync(100);
        Assert.That(await database.QueryAsync<double>("select pg_notification_queue_usage()"), Is.LessThan(0.0001), "a few pages of 8 GB");
        await ProcessSignals.ThawAsync(ringer.Process!.Id);

        await run.EndFaultAsync();
        await run.FinishAsync();
    }

    [Test]
    public async Task AllSessions_OfThreeCaches_Terminated_AreReplaced()
    {
        const int Times = 5;
        await using var database = await TestDatabase.CreateAsync();
        await using var run = await FaultRun.StartAsync(
            $"sessions of three caches ended {Times} times", database, () => Task.FromResult(FaultService.StartProcess(database.ConnectionString)));
        FaultService[] all = [run.Service, await JoinAsync(run, database), await JoinAsync(run, database)];

        for (var n = 0; n < Times; n++)
        {
            await database.TerminateServiceAsync();
            await run.EndFaultAsync();
        }

        await Wait.UntilAsync(async () => (await Task.WhenAll(all.Select(cache => cache.GetStatusAsync()))).Count(status => status.Ringer) == 1, RunningService.Patience, "one of them rings");
        await run.FinishAsync();
        Assert.That(run.Checker.States.Reloads, Is.Zero, run.Service.LogText);
    }

    [Test]
    public async Task Followers_AreAsPromptAsTheRinger()
    {
        const int WarmUp = 5;
        const int Samples = 50;
        // Heartbeats too rare to help.
        string[] settings = ["--Feed:HeartbeatInterval=00:00:08", "--Feed:StaleAfter=00:01:00"];
        await using var database = await TestDatabase.CreateAsync();
        await FaultStatements.PrepareAsync(database);
        await using var first = FaultService.StartProcess(database.ConnectionString, settings);
        await first.WaitForStateAsync(FeedState.Live);
        await using var second = FaultService.StartProcess(database.ConnectionString, settings);
        await using var third = FaultService.StartProcess(database.ConnectionString, settings);
        FaultService[] caches = [first, second, third];
        await Task.WhenAll(caches.Select(cache => cache.WaitForStateAsync(FeedState.Live)));
        Assert.That((await Task.WhenAll(caches.Select(cache => cache.GetStatusAsync()))).Count(status => status.Ringer), Is.EqualTo(1));

        await using var writer = await database.OpenAsync();
        var delays = caches.Select(_ => new List<double>()).ToArray();
        var before = (await first.Client.GetCountsAsync(new GetCountsRequest { MessageId = 1 })).Counts.Retweets;
        for (var n = 1; n <= WarmUp + Samples; n++)
        {
            await writer.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'rt')");
            var committed = Stopwatch.GetTimestamp();
            var seen = await Task.WhenAll(caches.Select(cache => SeenAfterAsync(cache, before + n, committed)));
            for (var cache = 0; n > WarmUp && cache < caches.Length; cache++)
            {
                delays[cache].Add(seen[cache].TotalMilliseconds);
            }
        }

        var medians = delays.Select(all => all.Order().ElementAt(Samples / 2)).ToArray();
        await TestContext.Progress.WriteLineAsync(
            $"three caches, commit to visible: medians {string.Join(", ", medians.Select(median => $"{median:F1}"))} ms, longest {string.Join(", ", delays.Select(all => $"{all.Max():F1}"))} ms");
        Assert.That(medians, Is.All.LessThan(2000), "no heartbeat can have helped");
    }

    private static async Task<TimeSpan> SeenAfterAsync(FaultService cache, long retweets, long committed)
    {
        while ((await cache.Client.GetCountsAsync(new GetCountsRequest { MessageId = 1 })).Counts.Retweets < retweets)
        {
            Assert.That(Stopwatch.GetElapsedTime(committed), Is.LessThan(TimeSpan.FromSeconds(5)), "it has not heard");
        }

        return Stopwatch.GetElapsedTime(committed);
    }

    private static async Task<FaultService> JoinAsync(FaultRun run, TestDatabase database, params string[] settings)
    {
        var service = FaultService.StartProcess(database.ConnectionString, settings);
        await run.JoinAsync(service);
        return service;
    }

    private static Task WaitForRingerAsync(FaultService service) =>
        Wait.UntilAsync(async () => (await service.GetStatusAsync()).Ringer, RunningService.Patience, "the other has become the ringer");
}
