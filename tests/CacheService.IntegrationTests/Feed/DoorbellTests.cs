using System.Diagnostics;
using CacheService.IntegrationTests.Infrastructure;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Feed;

internal sealed class DoorbellTests
{
    [Test]
    public async Task Bells_WithEightClientsWriting_StayBelowFivePercentOfTheTransactions()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString);
        await database.AddMessagesAsync(1000);
        var bellsBefore = service.Status.Bells;

        var watch = Stopwatch.StartNew();
        var transactions = await Task.WhenAll(Enumerable.Range(0, 8).Select(async client =>
        {
            await using var connection = await database.OpenAsync();
            var count = 0;
            for (; watch.Elapsed < TimeSpan.FromSeconds(10); count++)
            {
                await connection.ExecuteAsync($"insert into tweet.activity (messageid, action) values ({((client * 125) + count) % 1000 + 1}, 'rt')");
            }

            return count;
        }));

        var bells = service.Status.Bells - bellsBefore;
        await TestContext.Progress.WriteLineAsync($"{transactions.Sum()} transactions, {bells} bells, {service.Status.Drains} drains");
        await service.AssertEqualsViewAsync(database);
        Assert.That(transactions.Sum(), Is.GreaterThan(1000));
        Assert.That(bells, Is.LessThan(0.05 * transactions.Sum()));
    }

    [Test]
    public async Task SingleInsert_WhileTheCacheSleeps_IsVisibleWithinTwentyMilliseconds()
    {
        await using var database = await TestDatabase.CreateAsync();

        // Heartbeats too rare to help.
        await using var service = await RunningService.StartAsync(database.ConnectionString, "--Feed:HeartbeatInterval=00:00:10", "--Feed:StaleAfter=00:01:00");
        await database.AddMessagesAsync(1);
        await service.AssertEqualsViewAsync(database);
        await using var writer = await database.OpenAsync();
        var delays = new List<double>();
        await using var lag = new MachineLag();
        for (var n = 1; n <= 50; n++)
        {
            await Wait.UntilAsync(() => IsAsleepAsync(writer), RunningService.Patience, "the cache is asleep");
            await writer.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'rt')");
            var committed = Stopwatch.GetTimestamp();
            while ((await service.Client.GetCountsAsync(new GetCountsRequest { MessageId = 1 })).Counts.Retweets < n)
            {
                Assert.That(Stopwatch.GetElapsedTime(committed), Is.LessThan(RunningService.Patience), "it is visible");
            }

            delays.Add(Stopwatch.GetElapsedTime(committed).TotalMilliseconds);
        }

        delays.Sort();
        await TestContext.Progress.WriteLineAsync($"commit to visible, asleep: median {delays[25]:F1} ms, max {delays[^1]:F1} ms");
        Assert.That(delays[25], Is.LessThan(lag.AllowMedian(20)));
        Assert.That(delays[^1], Is.LessThan((TimeSpan.FromSeconds(5) + lag.Longest).TotalMilliseconds), "no wake-up is lost");
        Assert.That(service.Status.Bells, Is.GreaterThanOrEqualTo(50), "each insert rang");
    }

    private static async Task<bool> IsAsleepAsync(Npgsql.NpgsqlConnection connection) => await connection.QueryAsync<bool>(
        """
        select exists (select from pg_locks where locktype = 'advisory' and classid = 1951 and objid = 2 and mode = 'ExclusiveLock' and granted
                       and database = (select oid from pg_database where datname = current_database()))
        """);
}
