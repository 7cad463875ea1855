using System.Diagnostics;
using CacheService.IntegrationTests.Infrastructure;

namespace CacheService.IntegrationTests.Limits;

/// <summary>The change log stays small.</summary>
internal sealed class ChangeLogTests
{
    [Test]
    public async Task Log_At10000ChangesASecond_StopsGrowing()
    {
        const int ChangesPerTransaction = 100;
        const int TransactionsPerSecond = 100;
        var duration = TimeSpan.FromSeconds(20);
        await using var database = await TestDatabase.CreateAsync();
        // Trimmed at each renewal, which is due every second. Without rollups, because the log is kept for the next one, and one that took
        // long is followed by a rest.
        await using var service = await RunningService.StartAsync(database.ConnectionString, "--Feed:LeaseDuration=00:00:06", "--Rollup:Interval=0");
        await database.AddMessagesAsync(1000);

        var samples = new List<(long Rows, long Bytes)>();
        var started = Stopwatch.GetTimestamp();
        var writing = PacedWriter.WriteAsync(
            database, TransactionsPerSecond, duration, clients: 4,
            $"insert into tweet.activity (messageid, action) select 1 + ($1 * {ChangesPerTransaction} + n) % 1000, 'rt' from generate_series(1, {ChangesPerTransaction}) n");
        using (var tick = new PeriodicTimer(TimeSpan.FromSeconds(1)))
        {
            while (!writing.IsCompleted)
            {
                await tick.WaitForNextTickAsync();
                // What autovacuum does, which comes once a minute.
                await database.ExecuteAsync("vacuum twcache.change");
                samples.Add((await database.QueryAsync<long>("select count(*) from twcache.change"), await database.QueryAsync<long>("select pg_total_relation_size('twcache.change')")));
            }
        }

        var perSecond = await writing * ChangesPerTransaction / Stopwatch.GetElapsedTime(started).TotalSeconds;
        await TestContext.Progress.WriteLineAsync(
            $"{perSecond:F0} changes a second; in the log, by seconds: {string.Join(", ", samples.Select(sample => $"{sample.Rows / 1000.0:F0}k rows {sample.Bytes / 1e6:F1} MB"))}");
        var half = samples.Count / 2;
        Assert.That(samples.Max(sample => sample.Rows), Is.LessThan(6 * perSecond), "what is left of a few seconds");
        Assert.That(samples[half..].Max(sample => sample.Bytes), Is.LessThan(2 * samples[..half].Max(sample => sample.Bytes)), "room is used again");
        await service.AssertEqualsViewAsync(database);
    }

    [Test]
    public async Task Consumer_NotSeenForTheTimeOfItsLease_HoldsNothingBack()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString, "--Feed:LeaseDuration=00:00:03", "--Rollup:Interval=0");
        await database.AddMessagesAsync(10);
        await database.ExecuteAsync("select twcache.register('dead', '0badcafe', 3); select twcache.renew('dead', pg_current_snapshot(), 3)");
        await database.ExecuteAsync("insert into tweet.activity (messageid, action) select 1 + n % 10, 'rt' from generate_series(1, 100) n");

        await Wait.UntilAsync(async () => !await database.QueryAsync<bool>("select exists (select from twcache.consumer where name = 'dead')"), RunningService.Patience, "it is dropped");
        await Wait.UntilAsync(async () => await database.QueryAsync<long>("select count(*) from twcache.change") == 0, RunningService.Patience, "the log is empty");
        await service.AssertEqualsViewAsync(database);
    }
}
