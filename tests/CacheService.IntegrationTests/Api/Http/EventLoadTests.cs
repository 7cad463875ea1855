using System.Globalization;
using CacheService.IntegrationTests.Infrastructure;
using CacheService.Postgres.Embedded;
using Grpc.Core;
using Grpc.Net.Client;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Api.Http;

/// <summary>Thousands of streams by both protocols, of a service that is a process of its own, so that its memory is told alone.</summary>
[Explicit("takes a minute of all processors")]
internal sealed class EventLoadTests
{
    private const int Messages = 10_000;
    private const int StreamsEach = 2_000;
    private const int KeysEach = 20;
    private const int PerSecond = 1_000;

    private static readonly TimeSpan Duration = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan LongPatience = TimeSpan.FromMinutes(2);

    private delegate void Tell(WatchCountsResponse response);

    [Test]
    public async Task Streams_InThousandsByBothProtocols_AllEndWithTheView()
    {
        await using var database = await TestDatabase.CreateAsync();
        await database.ApplySchemaAsync();
        await database.AddMessagesAsync(Messages);
        var (grpcPort, httpPort) = (LoopbackPort.ChooseNew(), LoopbackPort.ChooseNew());
        await using var service = ServiceProcess.Start(
            $"--ConnectionStrings:Postgres={database.ConnectionString}", $"--Kestrel:Endpoints:Grpc:Url=http://127.0.0.1:{grpcPort}", $"--Kestrel:Endpoints:Http:Url=http://127.0.0.1:{httpPort}");
        using var channel = GrpcChannel.ForAddress(
            $"http://127.0.0.1:{grpcPort}", new GrpcChannelOptions { HttpHandler = new SocketsHttpHandler { EnableMultipleHttp2Connections = true } });
        var client = new TweetCountsService.TweetCountsServiceClient(channel);
        await Wait.UntilAsync(() => IsLiveAsync(client), LongPatience, "the service is LIVE");
        using var ending = new CancellationTokenSource();

        var idle = MemoryOf(service.Id);
        var grpc = await OpenAsync((ids, tell) => WatchAsync(client, ids, tell, ending.Token));
        var withGrpc = MemoryOf(service.Id);
        var events = await OpenAsync((ids, tell) => ReadEventsAsync(httpPort, ids, tell, ending.Token));
        var withBoth = MemoryOf(service.Id);

        var ages = new List<double>();
        await using var lag = new MachineLag();
        var writing = PacedWriter.WriteAsync(
            database, PerSecond, Duration, 8, $"insert into tweet.activity (messageid, action) values (($1::bigint * 7919) % {Messages} + 1, 'rt')");
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (await timer.WaitForNextTickAsync() && !writing.IsCompleted)
        {
            ages.Add((await client.GetStatusAsync(new GetStatusRequest())).Age.ToTimeSpan().TotalMilliseconds);
        }

        var written = await writing;
        var truth = await database.ReadViewAsync();
        var all = grpc.Concat(events).ToList();
        await Wait.UntilAsync(() => all.TrueForAll(watcher => watcher.Holds(truth)), LongPatience, "all watchers hold what the view says");
        var busy = MemoryOf(service.Id);
        await ending.CancelAsync();
        ages.Sort();
        var p99 = ages[(int)(ages.Count * 0.99)];
        await TestContext.Progress.WriteLineAsync(
            $"{grpc.Count} gRPC and {events.Count} event streams, {written} transactions ({written / Duration.TotalSeconds:F0}/s), {grpc.Sum(watcher => watcher.Received)} and {events.Sum(watcher => watcher.Received)} messages; "
            + $"age median {ages[ages.Count / 2]:F1} ms, 99 % {p99:F1} ms, max {ages[^1]:F1} ms; memory {idle} kB idle, {(withGrpc - idle) / (double)StreamsEach:F1} kB a gRPC stream, "
            + $"{(withBoth - withGrpc) / (double)StreamsEach:F1} kB an event stream, {busy} kB after the load");
        Assert.That(written, Is.GreaterThan(0.1 * PerSecond * Duration.TotalSeconds), "as many as a slow machine has left to show it with");
        Assert.That(p99, Is.LessThan(lag.Allow(TimeSpan.FromMilliseconds(250)).TotalMilliseconds));
    }

    private static async Task<List<Watcher>> OpenAsync(Func<long[], Tell, Task> watch)
    {
        var watchers = Enumerable.Range(0, StreamsEach)
            .Select(n => new Watcher([.. Enumerable.Range(0, KeysEach).Select(k => (long)((((n * 131) + (k * 977)) % Messages) + 1))], watch)).ToList();
        await Wait.UntilAsync(() => watchers.TrueForAll(watcher => watcher.IsSynced), LongPatience, "all watchers have the initial state");
        return watchers;
    }

    private static async Task WatchAsync(TweetCountsService.TweetCountsServiceClient client, long[] messageIds, Tell tell, CancellationToken ending)
    {
        using var watch = client.WatchCounts(new WatchCountsRequest { MessageIds = { messageIds } }, cancellationToken: CancellationToken.None);
        while (await watch.ResponseStream.MoveNext(ending))
        {
            tell(watch.ResponseStream.Current);
        }
    }

    private static async Task ReadEventsAsync(int port, long[] messageIds, Tell tell, CancellationToken ending)
    {
        await using var events = await EventReader.OpenAsync(new Uri($"http://127.0.0.1:{port}/v1/counts/watch?ids={string.Join(',', messageIds)}"));
        while (!ending.IsCancellationRequested)
        {
            tell(await events.NextAsync().WaitAsync(ending));
        }
    }

    private static async Task<bool> IsLiveAsync(TweetCountsService.TweetCountsServiceClient client)
    {
        try
        {
            return (await client.GetStatusAsync(new GetStatusRequest())).State == FeedState.Live;
        }
        catch (RpcException)
        {
            return false;
        }
    }

    /// <summary>What a process has in memory, in kB.</summary>
    private static long MemoryOf(int pid)
    {
        var line = File.ReadLines($"/proc/{pid}/status").Single(line => line.StartsWith("VmRSS:", StringComparison.Ordinal));
        return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
    }

    /// <summary>A client that keeps the last counts that it was told.</summary>
    private sealed class Watcher
    {
        private readonly Dictionary<long, (long Retweets, long Likes)> _counts = [];
        private readonly Task _watching;

        public Watcher(long[] messageIds, Func<long[], Tell, Task> watch) => _watching = watch(messageIds, Take);

        public bool IsSynced { get; private set; }

        public long Received { get; private set; }

        /// <summary>Whether what it was told is what the view says.</summary>
        public bool Holds(Dictionary<long, (long Retweets, long Likes)> truth)
        {
            Assert.That(_watching.IsFaulted, Is.False, _watching.Exception?.ToString());
            lock (_counts)
            {
                return _counts.All(held => truth[held.Key] == held.Value);
            }
        }

        private void Take(WatchCountsResponse response)
        {
            lock (_counts)
            {
                foreach (var counts in response.Counts)
                {
                    _counts[counts.MessageId] = (counts.Retweets, counts.Likes);
                }
            }

            IsSynced |= response.Synced;
            Received++;
        }
    }
}
