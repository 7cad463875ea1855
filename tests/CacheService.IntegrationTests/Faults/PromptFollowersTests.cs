using System.Diagnostics;
using CacheService.IntegrationTests.Infrastructure;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Faults;

/// <summary>Several services on one database, each a process: those that no writer wakes are as prompt as the one that is woken.</summary>
internal sealed class PromptFollowersTests
{
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
        await using var lag = new MachineLag();
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
        Assert.That(delays.SelectMany(all => all), Is.All.LessThan((TimeSpan.FromSeconds(5) + lag.Longest).TotalMilliseconds), "nor where it was longest");
    }

    private static async Task<TimeSpan> SeenAfterAsync(FaultService cache, long retweets, long committed)
    {
        while ((await cache.Client.GetCountsAsync(new GetCountsRequest { MessageId = 1 })).Counts.Retweets < retweets)
        {
            Assert.That(Stopwatch.GetElapsedTime(committed), Is.LessThan(RunningService.Patience), "it has not heard");
        }

        return Stopwatch.GetElapsedTime(committed);
    }
}
