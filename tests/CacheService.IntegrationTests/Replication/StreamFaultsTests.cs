using System.Diagnostics;
using CacheService.Client;
using CacheService.Feed;
using CacheService.Feed.Postgres;
using CacheService.IntegrationTests.Faults;
using CacheService.IntegrationTests.Infrastructure;
using CacheService.Replication;
using Google.Protobuf;
using Microsoft.Extensions.DependencyInjection;
using NATS.Client.Core;
using NATS.Client.JetStream;
using NATS.Client.JetStream.Models;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Replication;

/// <summary>What may become of the stream itself: followers are exact again, with no help.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class StreamFaultsTests
{
    private const string NoDatabase = "";

    [Test]
    public async Task Frames_ThatBrokeOffTwice_AreBegunAgain_InTheSameChain()
    {
        await using var run = await ReplicatedDatabase.StartAsync();
        var epoch = (await run.Follower.Client.GetStatusAsync(new GetStatusRequest())).Epoch;
        var last = await run.ReadLastAsync();
        var broken = new Frame { Chain = last.Chain, Number = last.Number + 1, Parts = 5, SnapshotBefore = last.Snapshot, Snapshot = last.Snapshot, Revision = last.Revision + 1, LogIdentity = last.LogIdentity };
        await run.PublishAsync(broken.ToByteArray());
        broken.Number = (await run.ReadLastAsync()).Number;
        await run.PublishAsync(broken.ToByteArray());

        await run.AssertFollowsAsync();
        Assert.That((await run.Follower.Client.GetStatusAsync(new GetStatusRequest())).Epoch, Is.EqualTo(epoch), "nobody has loaded");
    }

    [Test]
    public async Task Stream_WithSomethingThatIsNoFrame_IsFollowedAgain()
    {
        await using var run = await ReplicatedDatabase.StartAsync();
        await run.PublishAsync("rubbish"u8.ToArray());
        await run.AssertFollowsAsync();
    }

    [Test]
    public async Task Stream_Purged_IsFollowedAgain()
    {
        await using var run = await ReplicatedDatabase.StartAsync();
        await run.JetStream.PurgeStreamAsync(run.Name, new StreamPurgeRequest());
        await run.AssertFollowsAsync();
        Assert.That(run.Follower.Log.Entries.Select(entry => entry.EventName), Has.None.EqualTo("ChainLeft"), "it has all that was purged");
        await using var another = await RunningService.StartAsync(NoDatabase, ReplicationSetUp.Following(run.Name));
        await another.AssertEqualsViewAsync(run.Database);
    }

    [Test]
    public async Task Checkpoints_Deleted_AreWrittenAgainForWhoStarts()
    {
        await using var run = await ReplicatedDatabase.StartAsync();
        await run.JetStream.DeleteStreamAsync($"OBJ_{run.Name}-checkpoints");
        await run.AssertFollowsAsync();
        Assert.That(run.Follower.Log.Entries.Select(entry => entry.EventName), Has.None.EqualTo("ChainLeft"), "it needs none");
        await using var another = await RunningService.StartAsync(NoDatabase, ReplicationSetUp.Following(run.Name));
        await another.AssertEqualsViewAsync(run.Database);
        await run.AssertFollowsAsync();
    }

    [Test]
    public async Task Checkpoints_Purged_AreWrittenAgainForWhoStarts()
    {
        await using var run = await ReplicatedDatabase.StartAsync();
        await run.JetStream.PurgeStreamAsync($"OBJ_{run.Name}-checkpoints", new StreamPurgeRequest());
        await using var another = await RunningService.StartAsync(NoDatabase, ReplicationSetUp.Following(run.Name));
        await another.AssertEqualsViewAsync(run.Database);
    }

    [Test]
    public async Task Checkpoints_Overwritten_AreReplacedByAnotherChainForWhoStarts()
    {
        await using var run = await ReplicatedDatabase.StartAsync("--Nats:CheckpointInterval=00:00:01");
        foreach (var content in await run.JetStream.ListCheckpointContentsAsync(run.Name))
        {
            await run.JetStream.OverwriteCheckpointAsync(run.Name, content);
        }

        await using var another = await RunningService.StartAsync(NoDatabase, ReplicationSetUp.Following(run.Name));
        await another.AssertEqualsViewAsync(run.Database);
        await run.AssertFollowsAsync();
    }

    [Test]
    public async Task Bucket_ThatTakesNothing_IsTriedLessAndLessOften_UntilItTakesSomething()
    {
        const int Attempts = 4;
        var name = ReplicationSetUp.NewName();
        await using var connection = new NatsConnection(new NatsOpts { Url = ReplicationSetUp.Url });
        var jetStream = new NatsJSContext(connection);
        string[] subjects = [$"$O.{name}-checkpoints.C.>", $"$O.{name}-checkpoints.M.>"];
        var bucket = new StreamConfig($"OBJ_{name}-checkpoints", subjects) { MaxMsgSize = 1, AllowRollupHdrs = true, AllowDirect = true, Discard = StreamConfigDiscard.New };
        await jetStream.CreateStreamAsync(bucket);
        await using var written = await connection.SubscribeCoreAsync<byte[]>(subjects[0]);
        await using var database = await TestDatabase.CreateAsync();
        await using var publisher = await RunningService.StartAsync(database.ConnectionString, ReplicationSetUp.Publishing(name));
        using var patience = new CancellationTokenSource(RunningService.Patience);
        await written.Msgs.ReadAsync(patience.Token);
        var started = Stopwatch.GetTimestamp();
        for (var n = 1; n < Attempts; n++)
        {
            await written.Msgs.ReadAsync(patience.Token);
        }

        // 0.2, 0.4 and 0.8 s at least; three times 0.1 s where it does not grow.
        Assert.That(Stopwatch.GetElapsedTime(started), Is.GreaterThan(TimeSpan.FromSeconds(1)));
        Assert.That(publisher.Log.Has("NotPublished"), "and that is told");

        await jetStream.UpdateStreamAsync(bucket with { MaxMsgSize = -1 });
        await database.AddMessagesAsync(5);
        await using var follower = await RunningService.StartAsync(NoDatabase, ReplicationSetUp.Following(name));
        await follower.AssertEqualsViewAsync(database);
    }

    /// <summary>NATS writes what it has acknowledged to its disk once a minute or two: a machine that loses its power loses that.</summary>
    [Test]
    public async Task Stream_ThatLostItsLastFrames_IsFollowedExactly_AndWatchesAreToldAll([Values] bool withAnotherPublisher)
    {
        await using var nats = await NatsServer.RequireAsync();
        await using var database = await TestDatabase.CreateAsync();
        string[] publishing = [$"--Nats:Url={nats.Url}"];
        await using var publisher = await RunningService.StartAsync(database.ConnectionString, publishing);
        await using var standby = withAnotherPublisher ? await RunningService.StartAsync(database.ConnectionString, publishing) : null;
        standby?.ExpectsErrors = true;
        await database.AddMessagesAsync(5);
        await using var follower = await RunningService.StartAsync(NoDatabase, [.. publishing, "--Feed:Source=Nats"]);
        (publisher.ExpectsErrors, follower.ExpectsErrors) = (true, true);
        using var client = new TweetCountsClient(new TweetCountsClientOptions { Addresses = { follower.GrpcAddress } });
        await using var mirror = client.StartMirror(WatchOptions.All);
        await follower.AssertEqualsViewAsync(database);
        await nats.StopAsync();
        nats.SaveStore();
        await nats.StartAgainAsync();

        // More revisions than a take-over leaves out.
        for (var n = 0; n < Outbox.MostWaiting + 100; n++)
        {
            await database.ExecuteAsync($"insert into tweet.activity (messageid, action) values ({(n % 5) + 1}, 'rt')");
            await client.GetCountsAsync(1, ReadRequirement.Strong);
        }

        await follower.AssertEqualsViewAsync(database);
        var epoch = (await client.GetCountsAsync(1)).Freshness.Epoch;
        await nats.StopAsync();
        nats.RestoreStore();
        if (withAnotherPublisher)
        {
            // The standby remembers what it has drained, and would go on with the chain.
            await publisher.StopAsync();
        }

        await nats.StartAgainAsync();
        await database.ExecuteAsync("insert into tweet.activity (messageid, action) values (2, 'fav'); delete from tweet.activity where messageid = 3");
        await Wait.UntilAsync(
            async () => await client.GetCountsAsync(2) is { Counts.Likes: 1 }, RunningService.Patience, "the follower has what came later");
        await follower.AssertEqualsViewAsync(database);
        Assert.That((await client.GetCountsAsync(1)).Freshness.Epoch, Is.Not.EqualTo(epoch), "its chain cannot be gone on with");
        var expected = await database.ReadViewAsync();
        await Wait.UntilAsync(
            () => mirror.Count == expected.Count && mirror.All(counts => expected[counts.MessageId] == (counts.Retweets, counts.Likes)), RunningService.Patience, "the mirror as well");
    }

    /// <summary>There is no follower who would say that it had more.</summary>
    [Test]
    public async Task Stream_ThatLostItsLastFrames_WhileNobodyPublished_IsNotGoneOnWith()
    {
        await using var nats = await NatsServer.RequireAsync();
        await using var broker = ReplicationSetUp.NewBroker(new NatsOptions { Url = nats.Url });
        await using var database = await TestDatabase.CreateAsync();
        await using var publisher = await RunningService.StartAsync(database.ConnectionString, $"--Nats:Url={nats.Url}");
        publisher.ExpectsErrors = true;
        await WaitForEndAsync(end => end.Frame is not null);
        await nats.StopAsync();
        nats.SaveStore();
        await nats.StartAgainAsync();
        var kept = await WaitForEndAsync(end => end.Frame is not null);
        await database.AddMessagesAsync(5);
        await WaitForEndAsync(end => end.Last > kept.Last + 1);
        await nats.StopAsync();
        nats.RestoreStore();

        // Who has this lock is the one that publishes.
        await using var other = await database.OpenAsync();
        var locking = other.ExecuteAsync($"select pg_advisory_lock({AdvisoryLocks.Ringer})");
        await Wait.UntilAsync(
            () => database.QueryAsync<bool>("select exists (select from pg_locks l join pg_database d on d.oid = l.database where datname = current_database() and locktype = 'advisory' and not granted)"),
            RunningService.Patience,
            "it waits for the lock");
        await database.TerminateServiceAsync("reader");
        await locking;
        var progress = publisher.Services.GetRequiredService<FeedProgress>();
        await Wait.UntilAsync(() => !progress.IsPublishing, RunningService.Patience, "it publishes no more");
        await nats.StartAgainAsync();
        await other.ExecuteAsync("select pg_advisory_unlock_all()");

        var next = await WaitForEndAsync(end => end.Last > kept.Last);
        Assert.That(next.Frame!.Chain, Is.Not.EqualTo(kept.Frame!.Chain));

        async Task<StreamEnd> WaitForEndAsync(Func<StreamEnd, bool> isWanted)
        {
            StreamEnd? end = null;
            await Wait.UntilAsync(
                async () => (end = await broker.ReadEndAsync(CancellationToken.None)) is { } there && isWanted(there), RunningService.Patience, "the stream has what it should");
            return end!;
        }
    }

    [Test]
    public async Task Stream_Deleted_IsFollowedAgain()
    {
        await using var run = await ReplicatedDatabase.StartAsync();
        var before = await run.ReadLastAsync();
        await run.JetStream.DeleteStreamAsync(run.Name);
        await run.AssertFollowsAsync();
        var after = await run.ReadLastAsync();
        Assert.That(after.Chain, Is.Not.EqualTo(before.Chain));
        Assert.That((after.Tenure >> 32, before.Tenure >> 32), Is.EqualTo((1, 1)), "each is the first of its chain");
        Assert.That(after.Tenure, Is.Not.EqualTo(before.Tenure), "and yet no two are the same");
    }

    [Test]
    public async Task Follower_FallenBack_LeavesItToOthersToPublish()
    {
        await using var database = await TestDatabase.CreateAsync();
        var name = ReplicationSetUp.NewName();
        await using var publisher = FaultService.StartProcess(database.ConnectionString, ReplicationSetUp.Publishing(name));
        await publisher.WaitForStateAsync(TweetCounts.V1.FeedState.Live);
        await database.AddMessagesAsync(5);
        await using var follower = await RunningService.StartAsync(database.ConnectionString, [.. ReplicationSetUp.Following(name), "--Feed:FallBack=true"]);
        await using var another = await RunningService.StartAsync(NoDatabase, ReplicationSetUp.Following(name));
        await follower.AssertEqualsViewAsync(database);
        using var watch = follower.Client.WatchCounts(new WatchCountsRequest { All = true });
        await watch.ResponseStream.MoveNext(CancellationToken.None);

        await publisher.KillAsync();
        await Wait.UntilAsync(() => follower.Log.Entries.Any(entry => entry.EventName == "FallenBack"), RunningService.Patience, "it has fallen back");
        await follower.AssertEqualsViewAsync(database);
        await database.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'rt'), (2, 'fav')");
        await follower.AssertEqualsViewAsync(database);
        publisher.StartAgain();
        await Wait.UntilAsync(() => follower.Log.Entries.Any(entry => entry.EventName == "ReturnedToPublisher"), RunningService.Patience, "it has returned");

        await database.ExecuteAsync("insert into tweet.activity (messageid, action) values (3, 'rt')");
        await another.AssertEqualsViewAsync(database);
        await follower.AssertEqualsViewAsync(database);

        // What was remembered of the time in between means nothing to those who begin now.
        using var fresh = follower.Client.WatchCounts(new WatchCountsRequest { All = true });
        var mirror = new Dictionary<long, (long, long)>();
        var expected = new Dictionary<long, (long, long)>();
        for (var n = 0; n < 20; n++)
        {
            await database.ExecuteAsync($"insert into tweet.activity (messageid, action) values ({(n % 5) + 1}, 'fav')");
        }

        expected = await database.ReadViewAsync();
        using var patience = new CancellationTokenSource(RunningService.Patience);
        while (!expected.OrderBy(entry => entry.Key).SequenceEqual(mirror.OrderBy(entry => entry.Key)))
        {
            Assert.That(await fresh.ResponseStream.MoveNext(patience.Token));
            foreach (var counts in fresh.ResponseStream.Current.Counts)
            {
                mirror[counts.MessageId] = (counts.Retweets, counts.Likes);
            }
        }
    }

    /// <summary>A database, a service that publishes, a follower, and a hand in the stream between them.</summary>
    private sealed class ReplicatedDatabase : IAsyncDisposable
    {
        private readonly NatsConnection _connection = new(new NatsOpts { Url = ReplicationSetUp.Url });

        private ReplicatedDatabase(TestDatabase database, string name, RunningService publisher, RunningService follower)
        {
            (Database, Name, Publisher, Follower) = (database, name, publisher, follower);
            JetStream = new NatsJSContext(_connection);
        }

        public TestDatabase Database { get; }

        public string Name { get; }

        public RunningService Publisher { get; }

        public RunningService Follower { get; }

        public NatsJSContext JetStream { get; }

        public static async Task<ReplicatedDatabase> StartAsync(params string[] settings)
        {
            var (database, name) = (await TestDatabase.CreateAsync(), ReplicationSetUp.NewName());
            var publisher = await RunningService.StartAsync(database.ConnectionString, [.. ReplicationSetUp.Publishing(name), .. settings]);
            await database.AddMessagesAsync(5);
            var follower = await RunningService.StartAsync(NoDatabase, ReplicationSetUp.Following(name));
            await follower.AssertEqualsViewAsync(database);
            return new ReplicatedDatabase(database, name, publisher, follower);
        }

        public async Task PublishAsync(byte[] message) => (await JetStream.PublishAsync($"{Name}.frames", message)).EnsureSuccess();

        public async Task<Frame> ReadLastAsync()
        {
            var stream = await JetStream.GetStreamAsync(Name);
            var last = await stream.GetAsync(new StreamMsgGetRequest { Seq = (ulong)stream.Info.State.LastSeq });
            return Frame.Parser.ParseFrom(last.Message.Data.Span);
        }

        /// <summary>What is written from here on, the follower has, in the end.</summary>
        public async Task AssertFollowsAsync()
        {
            await Database.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'rt'), (2, 'fav'), (2, 'fav')");
            var deadline = DateTime.UtcNow + RunningService.Patience;
            await Follower.Client.GetCountsAsync(new GetCountsRequest { MessageId = 1, Read = new ReadOptions { Strong = true } }, deadline: deadline);
            await Database.ExecuteAsync("insert into tweet.activity (messageid, action) values (3, 'rt')");
            await Wait.UntilAsync(
                async () => (await Follower.Client.GetCountsAsync(new GetCountsRequest { MessageId = 3 })).Counts.Retweets == 1, RunningService.Patience, "the follower has what was written");
            await Follower.AssertEqualsViewAsync(Database);
        }

        public async ValueTask DisposeAsync()
        {
            await _connection.DisposeAsync();
            await Follower.DisposeAsync();
            await Publisher.DisposeAsync();
            await Database.DisposeAsync();
        }
    }
}
