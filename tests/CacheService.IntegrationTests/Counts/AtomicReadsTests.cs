using System.Diagnostics;
using CacheService.IntegrationTests.Infrastructure;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Counts;

internal sealed class AtomicReadsTests
{
    private const int FewestReads = 2000;
    private const int FewestStates = 10;

    [Test]
    public async Task BatchRead_WhilePairsAreWritten_NeverShowsHalfOfATransaction()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString);
        await database.AddMessagesAsync(2);
        await service.AssertEqualsViewAsync(database);

        using var writing = new CancellationTokenSource();
        var writers = Task.WhenAll(Enumerable.Range(0, 3).Select(_ => Task.Run(async () =>
        {
            await using var connection = await database.OpenAsync();
            var pairs = 0;
            for (; !writing.IsCancellationRequested; pairs++)
            {
                await connection.ExecuteAsync(
                    "insert into tweet.activity (messageid, action) values (1, 'rt'); insert into tweet.activity (messageid, action) values (2, 'de-rt')");
            }

            return pairs;
        })));

        var seen = new HashSet<long>();
        var started = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => Task.Run(async () =>
        {
            for (var n = 0; n < FewestReads || (!HasSeenEnough() && Stopwatch.GetElapsedTime(started) < RunningService.Patience); n++)
            {
                var response = await service.Client.BatchGetCountsAsync(new BatchGetCountsRequest { MessageIds = { 1, 2 } });
                var (one, two) = (response.Counts[0], response.Counts[1]);
                Assert.That(one.Retweets + two.Retweets, Is.Zero);
                Assert.That(one.Revision, Is.EqualTo(two.Revision));
                Assert.That(one.Revision, Is.LessThanOrEqualTo(response.Freshness.Revision));
                lock (seen)
                {
                    seen.Add(one.Retweets);
                }
            }
        })));
        await writing.CancelAsync();
        var written = (await writers).Sum();

        await TestContext.Progress.WriteLineAsync($"{written} pairs written, {seen.Count} different states read");
        Assert.That(seen, Has.Count.GreaterThan(FewestStates), "the readers saw the counts change");
        await service.AssertEqualsViewAsync(database);

        bool HasSeenEnough()
        {
            lock (seen)
            {
                return seen.Count > FewestStates;
            }
        }
    }
}
