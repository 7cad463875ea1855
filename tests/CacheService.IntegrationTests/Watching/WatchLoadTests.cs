using System.Diagnostics;
using CacheService.Counts;
using CacheService.IntegrationTests.Infrastructure;
using CacheService.Watching;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Watching;

internal sealed class WatchLoadTests
{
    private const int Messages = 10_000;
    private const int KeyWatchers = 2_000;
    private const int KeysEach = 20;
    private const int AllWatchers = 20;
    private const int StuckWatchers = 10;
    private const int PerSecond = 1_000;

    /// <summary>A tenth of what is asked for in the time that is given: a slow machine takes longer for it.</summary>
    private const int FewestTransactions = 1_500;

    private static readonly TimeSpan Duration = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    [Test]
    public void Subscription_OfManyMessages_CostsSomeTwoHundredBytesEach()
    {
        const int Subscriptions = 20;
        const int Ids = 10_000;
        var store = new CountsStore(0);
        var hub = new WatchHub(store, Options.Create(new SubscriptionOptions()), TimeProvider.System);
        hub.Start();
        store.Load([new CountedMessage(1, default)], PgSnapshot.Parse("10:10:"), 0);
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var subscriptions = Enumerable.Range(0, Subscriptions)
            .Select(n => hub.Subscribe([.. Enumerable.Range(1, Ids).Select(id => (long)id + (n * Ids))], null)).ToList();
        subscriptions.ForEach(subscription => _ = subscription.Collect().ToList());
        var each = (GC.GetTotalMemory(forceFullCollection: true) - before) / (Subscriptions * Ids);
        TestContext.Out.WriteLine($"{each} bytes for each watched message");
        Assert.That(each, Is.LessThan(200));
        subscriptions.ForEach(subscription => subscription.Dispose());
    }

    [Test]
    public async Task Watchers_InThousandsUnderAThousandTransactionsASecond_AllEndWithTheTruth()
    {
        await using var database = await TestDatabase.CreateAsync();
        await database.ApplySchemaAsync();
        await database.AddMessagesAsync(Messages);
        await using var service = await RunningService.StartAsync(database.ConnectionString, "--Watch:StuckClientTimeout=00:00:10");
        using var channel = GrpcChannel.ForAddress(
            service.GrpcAddress, new GrpcChannelOptions { HttpHandler = new SocketsHttpHandler { EnableMultipleHttp2Connections = true } });
        var client = new TweetCountsService.TweetCountsServiceClient(channel);

        var stuck = Enumerable.Range(0, StuckWatchers).Select(_ => client.WatchCounts(new WatchCountsRequest { All = true })).ToList();
        var watchers = Enumerable.Range(0, KeyWatchers).Select(n => new Watcher(client, new WatchCountsRequest { MessageIds = { Enumerable.Range(0, KeysEach).Select(k => (long)((((n * 131) + (k * 977)) % Messages) + 1)) } }))
            .Concat(Enumerable.Range(0, AllWatchers).Select(_ => new Watcher(client, new WatchCountsRequest { All = true })))
            .ToList();
        await Wait.UntilAsync(() => watchers.All(watcher => watcher.IsSynced), Patience, "all watchers have the initial state");

        var store = service.Services.GetRequiredService<CountsStore>();
        var sampled = new List<double>();
        await using var lag = new MachineLag();
        var started = Stopwatch.GetTimestamp();
        var firstHalf = await WriteAsync(service, store, database, 7919, sampled);
        var memoryBefore = GC.GetTotalMemory(forceFullCollection: true);
        var secondHalf = await WriteAsync(service, store, database, 104729, sampled);
        var memoryAfter = GC.GetTotalMemory(forceFullCollection: true);
        var took = Stopwatch.GetElapsedTime(started);

        await service.Client.GetCountsAsync(new GetCountsRequest { MessageId = 1, Read = new ReadOptions { Strong = true } });
        var truth = await database.ReadViewAsync();
        await Wait.UntilAsync(() => watchers.All(watcher => watcher.Holds(truth)), Patience, "all watchers hold the truth");

        sampled.Sort();
        var transactions = firstHalf + secondHalf;
        await TestContext.Progress.WriteLineAsync(
            $"{watchers.Count} watchers, {transactions} transactions ({transactions / took.TotalSeconds:F0}/s), {watchers.Sum(watcher => watcher.Received)} messages, "
            + $"{watchers.Sum(watcher => watcher.Coalesced)} coalesced, {service.Status.Drains} drains; age median {sampled[sampled.Count / 2]:F1} ms, "
            + $"99 % {sampled[(int)(sampled.Count * 0.99)]:F1} ms, max {sampled[^1]:F1} ms; memory {memoryBefore >> 20} MB, then {memoryAfter >> 20} MB; "
            + $"{service.Hub.StuckClients} clients ended that did not read");
        foreach (var ended in watchers.Cast<IDisposable>().Concat(stuck))
        {
            ended.Dispose();
        }

        Assert.That(transactions, Is.AtLeast(FewestTransactions));
        Assert.That(sampled[(int)(sampled.Count * 0.99)], Is.LessThan(lag.Allow(TimeSpan.FromMilliseconds(250)).TotalMilliseconds), "the drain loop's age");
        Assert.That(memoryAfter - memoryBefore, Is.LessThan(20 << 20), "memory grows");
    }

    /// <summary>
    /// Writes for half of the time, again while that was less than half of the fewest transactions, and samples the age meanwhile: afterwards the cache sleeps, and is as old as
    /// its heartbeat.
    /// </summary>
    private static async Task<int> WriteAsync(RunningService service, CountsStore store, TestDatabase database, int stride, List<double> ages)
    {
        var (started, written) = (Stopwatch.GetTimestamp(), 0);
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        do
        {
            var writing = PacedWriter.WriteAsync(
                database, PerSecond, Duration / 2, 8, $"insert into tweet.activity (messageid, action) values (($1::bigint * {stride}) % {Messages} + 1, 'rt')");
            while (await timer.WaitForNextTickAsync() && !writing.IsCompleted)
            {
                ages.Add(service.Status.AgeOf(store.Version!).TotalMilliseconds);
            }

            written += await writing;
        }
        while (written < FewestTransactions / 2 && Stopwatch.GetElapsedTime(started) < Patience);

        return written;
    }

    /// <summary>A client that keeps the last counts that it was told.</summary>
    private sealed class Watcher : IDisposable
    {
        private readonly Dictionary<long, (long Retweets, long Likes)> _counts = [];
        private readonly AsyncServerStreamingCall<WatchCountsResponse> _watch;
        private readonly Task _reading;

        public Watcher(TweetCountsService.TweetCountsServiceClient client, WatchCountsRequest request)
        {
            _watch = client.WatchCounts(request);
            _reading = ReadAsync();
        }

        public bool IsSynced { get; private set; }

        public long Received { get; private set; }

        public long Coalesced { get; private set; }

        /// <summary>Whether what it was told equals the truth.</summary>
        public bool Holds(Dictionary<long, (long Retweets, long Likes)> truth)
        {
            Assert.That(_reading.IsFaulted, Is.False, _reading.Exception?.ToString());
            lock (_counts)
            {
                return _counts.All(held => truth[held.Key] == held.Value);
            }
        }

        public void Dispose() => _watch.Dispose();

        private async Task ReadAsync()
        {
            while (await _watch.ResponseStream.MoveNext(CancellationToken.None))
            {
                var response = _watch.ResponseStream.Current;
                lock (_counts)
                {
                    foreach (var counts in response.Counts)
                    {
                        _counts[counts.MessageId] = (counts.Retweets, counts.Likes);
                    }
                }

                IsSynced |= response.Synced;
                Received++;
                Coalesced += (long)response.Coalesced;
            }
        }
    }
}
