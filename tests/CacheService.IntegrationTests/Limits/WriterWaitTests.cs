using System.Diagnostics;
using CacheService.IntegrationTests.Infrastructure;
using Npgsql;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Limits;

/// <summary>How long the caches keep a writer waiting at most.</summary>
internal sealed class WriterWaitTests
{
    private const int Messages = 20_000;
    private const int Activities = 200_000;

    /// <summary>A busy machine delays a writer now and then; a cache that did would do so each time.</summary>
    private const int Attempts = 10;

    private static readonly TimeSpan Limit = TimeSpan.FromMilliseconds(100);

    [Test]
    public async Task Writers_DuringAllThatACacheDoes_WaitForAMomentOnly()
    {
        await using var database = await TestDatabase.CreateAsync();
        await database.ApplySchemaAsync();
        await database.AddMessagesAsync(Messages);
        await database.ExecuteAsync($"insert into tweet.activity (messageid, action) select 1 + n % {Messages}, 'rt' from generate_series(1, {Activities}) n; analyze");
        var longest = new Dictionary<string, TimeSpan>();

        longest["no cache"] = await LongestWaitAsync(database, () => Pause.ForAsync(TimeSpan.FromSeconds(4)));
        await using var caches = new Caches(database);
        await MeasureAsync("start", () => caches.StartAfreshAsync());
        await caches.StartAnotherAsync();
        await MeasureAsync("reload", async () =>
        {
            var before = caches.Loads;
            await database.ExecuteAsync("update twcache.change_identity set id = gen_random_uuid()");
            await Wait.UntilAsync(() => caches.Loads.Zip(before).All(loads => loads.First > loads.Second), RunningService.Patience, "both have loaded");
        });
        await MeasureAsync("trim", async () =>
        {
            await database.ExecuteAsync($"insert into tweet.activity (messageid, action) select messageid, 'fav' from tweet.message");
            await Wait.UntilAsync(async () => await database.QueryAsync<long>("select count(*) from twcache.change") < Messages / 10, TimeSpan.FromMinutes(5), "the log is trimmed");
        });
        await MeasureAsync("audit", () => caches.AuditAsync());
        await MeasureAsync("take-over", async () =>
        {
            await caches.StopRingerAsync();
            await Wait.UntilAsync(() => caches.HasRinger, RunningService.Patience, "the other rings");
            await caches.StartAnotherAsync();
        });

        await TestContext.Progress.WriteLineAsync($"longest waits of a writer: {string.Join(", ", longest.Select(one => $"{one.Key} {one.Value.TotalMilliseconds:F0} ms"))}");
        Assert.That(longest.Values, Is.All.LessThan(Limit + longest["no cache"]), "beyond what a writer waits for without a cache");

        async Task MeasureAsync(string what, Func<Task> action)
        {
            for (var attempt = 0; attempt < Attempts; attempt++)
            {
                var waited = await LongestWaitAsync(database, action);
                longest[what] = longest.TryGetValue(what, out var before) && before < waited ? before : waited;
                if (longest[what] < Limit)
                {
                    return;
                }
            }
        }
    }

    /// <summary>The longest time that a transaction of one row took while something was done.</summary>
    private static async Task<TimeSpan> LongestWaitAsync(TestDatabase database, Func<Task> action)
    {
        using var done = new CancellationTokenSource();
        var writers = Enumerable.Range(0, 2).Select(_ => Task.Run(() => WriteAsync(database, done.Token))).ToArray();
        await action();
        await done.CancelAsync();
        return (await Task.WhenAll(writers)).Max();
    }

    private static async Task<TimeSpan> WriteAsync(TestDatabase database, CancellationToken done)
    {
        await using var connection = await database.OpenAsync();
        await using var command = new NpgsqlCommand($"insert into tweet.activity (messageid, action) values (1 + floor(random() * {Messages})::bigint, 'rt')", connection);
        await command.PrepareAsync(CancellationToken.None);
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(5));
        var longest = TimeSpan.Zero;
        await command.ExecuteNonQueryAsync(CancellationToken.None);
        while (!done.IsCancellationRequested)
        {
            var started = Stopwatch.GetTimestamp();
            await command.ExecuteNonQueryAsync(CancellationToken.None);
            longest = TimeSpan.FromTicks(Math.Max(longest.Ticks, Stopwatch.GetElapsedTime(started).Ticks));
            await tick.WaitForNextTickAsync(CancellationToken.None);
        }

        return longest;
    }

    /// <summary>Caches on one database.</summary>
    private sealed class Caches(TestDatabase database) : IAsyncDisposable
    {
        private readonly List<RunningService> _running = [];

        public bool HasRinger => _running.Any(cache => cache.Status.IsRinger);

        /// <summary>How often each has loaded; on a busy machine also because its lease ran out.</summary>
        public int[] Loads => [.. _running.Select(cache => cache.Log.Count("CountsLoaded") + cache.Log.Count("CountsLoadedFromRollup"))];

        /// <summary>Starts one where none runs.</summary>
        public async Task StartAfreshAsync()
        {
            await DisposeAsync();
            await StartAnotherAsync();
        }

        /// <summary>Starts one more. The log is kept for the rest after a rollup that took long, which is a third of KeepFor at most.</summary>
        public async Task StartAnotherAsync() =>
            _running.Add(await RunningService.StartAsync(database.ConnectionString, "--Feed:LeaseDuration=00:00:03", "--Rollup:KeepFor=00:00:30"));

        public async Task AuditAsync() => await _running[0].Client.AuditNowAsync(new AuditNowRequest());

        public async Task StopRingerAsync()
        {
            await Wait.UntilAsync(() => HasRinger, RunningService.Patience, "one rings");
            var ringer = _running.First(cache => cache.Status.IsRinger);
            _running.Remove(ringer);
            await ringer.DisposeAsync();
        }

        public async ValueTask DisposeAsync()
        {
            foreach (var cache in _running)
            {
                await cache.DisposeAsync();
            }

            _running.Clear();
        }
    }
}
