using System.Collections.Concurrent;
using System.Diagnostics;
using CacheService.Counts;
using CacheService.IntegrationTests.Infrastructure;
using Microsoft.Extensions.DependencyInjection;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Watching;

internal sealed class WatchLatencyTests
{
    [Test]
    public async Task Change_AtAHundredASecond_ReachesItsWatcherWithinTwentyFiveMilliseconds()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString);
        await database.AddMessagesAsync(1);
        await service.Client.GetCountsAsync(new GetCountsRequest { MessageId = 1, Read = new ReadOptions { Strong = true } });

        var committed = new ConcurrentDictionary<long, long>();
        var drained = new ConcurrentDictionary<ulong, long>();
        service.Services.GetRequiredService<CountsStore>().Changed += (version, _) => drained.TryAdd(version.Revision, Stopwatch.GetTimestamp());
        var received = new List<(long Retweets, ulong Revision, long At)>();
        await using var lag = new MachineLag();
        using var watch = service.Client.WatchCounts(new WatchCountsRequest { MessageIds = { 1 } });
        var writing = PacedWriter.WriteAsync(
            database, perSecond: 100, TimeSpan.FromSeconds(5), clients: 1, "insert into tweet.activity (messageid, action) select 1, 'rt' where $1 > 0", (number, at) => committed[number] = at);
        var written = -1L;
        while (written < 0 || received[^1].Retweets < written)
        {
            await watch.ResponseStream.MoveNext(CancellationToken.None);
            var change = watch.ResponseStream.Current.Counts.Single();
            received.Add((change.Retweets, change.Revision, Stopwatch.GetTimestamp()));
            written = writing.IsCompleted ? await writing : -1;
        }

        // The commit may be received before its writer is told of it.
        var sinceCommit = Median(received.Skip(1).Where(change => committed.ContainsKey(change.Retweets)).Select(change => Stopwatch.GetElapsedTime(committed[change.Retweets], change.At)));
        var sinceDrain = Median(received.Skip(1).Select(change => Stopwatch.GetElapsedTime(drained[change.Revision], change.At)));
        await TestContext.Progress.WriteLineAsync($"{written} changes, {received.Count} messages: commit to watcher {sinceCommit:F1} ms, drain to watcher {sinceDrain:F1} ms (medians)");
        Assert.That(written, Is.GreaterThan(100));
        Assert.That(sinceCommit, Is.LessThan(lag.AllowMedian(25)));
        Assert.That(sinceDrain, Is.LessThan(lag.AllowMedian(5)));
    }

    private static double Median(IEnumerable<TimeSpan> times)
    {
        var sorted = times.Select(time => time.TotalMilliseconds).Order().ToList();
        return sorted[sorted.Count / 2];
    }
}
