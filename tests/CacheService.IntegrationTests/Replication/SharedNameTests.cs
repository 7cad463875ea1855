using System.Diagnostics;
using CacheService.IntegrationTests.Faults;
using CacheService.IntegrationTests.Infrastructure;
using Microsoft.Extensions.Logging;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Replication;

/// <summary>Services of two databases that publish under one name: followers get one of the two, and the log says why.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class SharedNameTests
{
    private const string NoDatabase = "";

    /// <summary>For so long a follower may serve what is mixed, or of the copy.</summary>
    private static readonly TimeSpan LongestMixture = TimeSpan.FromSeconds(5);

    [Test]
    public async Task Databases_OfOneName_AreToldApart()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var another = await TestDatabase.CreateAsync();
        var name = ReplicationSetUp.NewName();
        await using var publisher = await RunningService.StartAsync(database.ConnectionString, ReplicationSetUp.Publishing(name));
        await database.AddMessagesAsync(3);
        await using var follower = await RunningService.StartAsync(NoDatabase, ReplicationSetUp.Following(name));
        await using var intruder = await RunningService.StartAsync(another.ConnectionString, ReplicationSetUp.Publishing(name));
        intruder.ExpectsErrors = true;
        await another.AddMessagesAsync(7);

        await WaitUntilItSaysSoAsync(intruder, name, publisher);
        await database.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'rt')");
        await follower.AssertEqualsViewAsync(database);
        await intruder.AssertEqualsViewAsync(another);
        AssertUndisturbed(publisher);
    }

    /// <summary>Its identifiers are those of the original, and its log's identity is not, as after a crash.</summary>
    [Test]
    public async Task CopyOfADisk_OfOneName_IsToldApart()
    {
        await using var original = await PrivateServer.StartAsync();
        var name = ReplicationSetUp.NewName();
        await using var publisher = await RunningService.StartAsync(original.ConnectionString, ReplicationSetUp.Publishing(name));
        await original.AddMessagesAsync(5);
        await using var copy = await original.StartTwinAsync(clean: false);
        await publisher.WaitForLiveAsync();
        await using var follower = await RunningService.StartAsync(NoDatabase, ReplicationSetUp.Following(name));
        await using var intruder = await RunningService.StartAsync(copy.ConnectionString, ReplicationSetUp.Publishing(name));
        intruder.ExpectsErrors = true;

        await using (var reader = new MixtureReader(follower, original, copy))
        {
            await WaitUntilItSaysSoAsync(intruder, name, publisher);
            await reader.WaitUntilItLastsAsync();
            Assert.That(reader.Wrong, Is.EqualTo(TimeSpan.Zero));
        }

        await follower.AssertEqualsViewAsync(original);
        await intruder.AssertEqualsViewAsync(copy);
        AssertUndisturbed(publisher);
    }

    /// <summary>Its log's identity is that of the original as well, and its transactions are ahead: nothing tells its service that the chain is not its own, before another one objects.</summary>
    /// <param name="isOriginalQuiet">Whether nothing is written to the original, so that it is a follower's question from which its service hears of the other one first.</param>
    [Test]
    public async Task CopyOfAStoppedServer_GoingOnWithTheChain_GivesWay([Values] bool isOriginalQuiet)
    {
        await using var original = await PrivateServer.StartAsync();
        var name = ReplicationSetUp.NewName();
        await using var publisher = await RunningService.StartAsync(original.ConnectionString, ReplicationSetUp.Publishing(name));
        publisher.ExpectsErrors = true;
        await original.AddMessagesAsync(5);
        await using var copy = await original.StartTwinAsync(clean: true);
        await publisher.WaitForLiveAsync();
        await using var follower = await RunningService.StartAsync(NoDatabase, ReplicationSetUp.Following(name));
        await using var proxy = new SwallowingProxy(new Uri(ReplicationSetUp.Url).Port) { Fault = NetworkFault.Refuses };
        await using var intruder = await RunningService.StartAsync(copy.ConnectionString, [.. ReplicationSetUp.Publishing(name), $"--Nats:Url=nats://127.0.0.1:{proxy.Port}"]);
        intruder.ExpectsErrors = true;
        await WriteAsync(original, 30);
        await follower.AssertEqualsViewAsync(original);
        await WriteAsync(copy, 300);

        await using var lag = new MachineLag();
        // A publisher that is busy would not let it in.
        await using (var reader = new MixtureReader(follower, original, copy) { IsOriginalQuiet = true })
        {
            proxy.Fault = NetworkFault.None;
            await Wait.UntilAsync(() => intruder.Log.Has("ChainTakenOver"), RunningService.Patience, "the copy's service goes on with the chain");
            reader.IsOriginalQuiet = isOriginalQuiet;
            await WaitUntilItSaysSoAsync(intruder, name, publisher);
            await WaitUntilItSaysSoAsync(publisher, name, intruder);
            reader.IsOriginalQuiet = false;
            await reader.WaitUntilItLastsAsync();
            Assert.That(reader.Wrong, Is.LessThan(lag.Allow(LongestMixture)));
        }

        Assert.That(intruder.Status.IsPublishing, Is.False);
        await intruder.StopAsync();
        await WriteAsync(original, 1);
        await follower.AssertEqualsViewAsync(original);
    }

    private static async Task WriteAsync(ITestDatabase database, int transactions)
    {
        for (var n = 0; n < transactions; n++)
        {
            await database.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'fav')");
        }
    }

    private static async Task WaitUntilItSaysSoAsync(RunningService service, string name, RunningService other)
    {
        try
        {
            await Wait.UntilAsync(
                () => service.Log.Entries.Any(entry => entry.EventName == "NameShared" && entry.Level == LogLevel.Error && entry.Message.Contains($"Nats:Name={name},", StringComparison.Ordinal)),
                RunningService.Patience,
                "it says that two databases have one name");
        }
        catch (TimeoutException e)
        {
            throw new TimeoutException($"{e.Message} It has logged:\n{string.Join('\n', service.Log.Entries)}\nand the other one:\n{string.Join('\n', other.Log.Entries)}", e);
        }
    }

    private static void AssertUndisturbed(RunningService publisher) =>
        Assert.That(publisher.Log.Entries.Select(entry => entry.EventName), Has.None.AnyOf("PublishingStopped", "NameShared"));

    /// <summary>Writes to both databases, and holds what a follower serves as LIVE of a message against what the original has of it.</summary>
    private sealed class MixtureReader : IAsyncDisposable
    {
        /// <summary>Replies in a row; the follower's publishers put a frame into the stream for each of them.</summary>
        private const int Many = 200;

        private readonly CancellationTokenSource _ending = new();
        private readonly RunningService _follower;
        private readonly ITestDatabase _original;
        private readonly ITestDatabase _copy;
        private readonly Task _reading;
        private volatile bool _isOriginalQuiet;
        private volatile int _rightInARow;
        private long _wrongTicks;

        public MixtureReader(RunningService follower, ITestDatabase original, ITestDatabase copy)
        {
            (_follower, _original, _copy) = (follower, original, copy);
            _reading = Task.Run(ReadAsync);
        }

        /// <summary>Whether nothing is written to the original.</summary>
        public bool IsOriginalQuiet
        {
            get => _isOriginalQuiet;
            set => _isOriginalQuiet = value;
        }

        /// <summary>For how long it has served something else.</summary>
        public TimeSpan Wrong => TimeSpan.FromTicks(Volatile.Read(ref _wrongTicks));

        /// <summary>Waits until it serves the original, and goes on doing so.</summary>
        public Task WaitUntilItLastsAsync()
        {
            _rightInARow = 0;
            return Wait.UntilAsync(() => _rightInARow >= Many || _reading.IsFaulted, RunningService.Patience, "the follower serves the original, and nothing else");
        }

        public async ValueTask DisposeAsync()
        {
            await _ending.CancelAsync();
            await _reading;
            _ending.Dispose();
            await TestContext.Progress.WriteLineAsync($"{TestContext.CurrentContext.Test.MethodName}: the follower served something else as LIVE for {Wrong.TotalSeconds:F2} s");
        }

        private async Task ReadAsync()
        {
            var expected = (await _original.ReadViewAsync())[1];
            var before = Stopwatch.GetTimestamp();
            while (!_ending.IsCancellationRequested)
            {
                if (!_isOriginalQuiet)
                {
                    await _original.ExecuteAsync("insert into tweet.activity (messageid, action) values (2, 'rt')");
                }

                await _copy.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'fav')");
                var reply = await _follower.Client.GetCountsAsync(new GetCountsRequest { MessageId = 1 });
                var (isLive, isRight) = (reply.Freshness.State == FeedState.Live, (reply.Counts.Retweets, reply.Counts.Likes) == expected);
                _rightInARow = isLive && isRight ? _rightInARow + 1 : 0;
                _wrongTicks += isLive && !isRight ? Stopwatch.GetElapsedTime(before).Ticks : 0;
                before = Stopwatch.GetTimestamp();
            }
        }
    }
}
