using CacheService.Client;
using CacheService.IntegrationTests.Faults;
using CacheService.IntegrationTests.Infrastructure;
using FeedState = TweetCounts.V1.FeedState;

namespace CacheService.IntegrationTests.Replication;

/// <summary>What may happen to publisher, follower and broker, each while writers write and each reply of all services is held against what was written.</summary>
// They pass their time waiting, each for services of its own.
[Parallelizable(ParallelScope.All)]
internal sealed class ReplicationFaultsTests
{
    private const string NoDatabase = "";
    private const string ShortLease = "--Feed:LeaseDuration=00:00:08";

    [Test]
    public async Task Publisher_Killed_IsReplacedWithoutALoad()
    {
        await using var database = await TestDatabase.CreateAsync();
        var name = ReplicationSetUp.NewName();
        var publisher = FaultService.StartProcess(database.ConnectionString, ReplicationSetUp.Publishing(name));
        await using var run = await FaultRun.StartAsync("publisher of two killed, as a follower sees it", database, () => Task.FromResult(publisher));
        var standby = await JoinAsync(run, database.ConnectionString, ReplicationSetUp.Publishing(name));
        var follower = await JoinAsync(run, NoDatabase, ReplicationSetUp.Following(name));
        var epoch = (await follower.GetStatusAsync()).Epoch;

        await publisher.KillAsync();
        await Wait.UntilAsync(() => standby.HasLogged("Publishes from here on"), RunningService.Patience, "the other one publishes");
        await run.Writers.WriteMoreAsync(100);
        publisher.StartAgain();

        await run.EndFaultAsync();
        await run.FinishAsync();
        Assert.That((await follower.GetStatusAsync()).Epoch, Is.EqualTo(epoch), "it is the same chain");
        Assert.That(follower.HasLogged("Loads from a checkpoint"), Is.False, follower.LogText);
    }

    [Test]
    public async Task Publisher_Frozen_IsReplacedAndDoesNotMixWhenItComesBack()
    {
        await using var database = await TestDatabase.CreateAsync();
        var name = ReplicationSetUp.NewName();
        var publisher = FaultService.StartProcess(database.ConnectionString, [.. ReplicationSetUp.Publishing(name), ShortLease]);
        await using var run = await FaultRun.StartAsync("publisher of two frozen for longer than its lease, as a follower sees it", database, () => Task.FromResult(publisher));
        var standby = await JoinAsync(run, database.ConnectionString, [.. ReplicationSetUp.Publishing(name), ShortLease]);
        var follower = await JoinAsync(run, NoDatabase, ReplicationSetUp.Following(name));

        await ProcessSignals.FreezeAsync(publisher.Process!.Id);
        await Wait.UntilAsync(() => standby.HasLogged("Publishes from here on"), RunningService.Patience, "the other one publishes");
        await run.Writers.WriteMoreAsync(100);
        await ProcessSignals.ThawAsync(publisher.Process!.Id);

        await run.EndFaultAsync();
        await run.FinishAsync();
        Assert.That(follower.HasLogged("Loads from a checkpoint"), Is.False, follower.LogText);
    }

    [Test]
    public async Task Broker_KilledAndStartedAgain_IsFollowedAgain()
    {
        await using var broker = await NatsServer.RequireAsync();
        await using var database = await TestDatabase.CreateAsync();
        await using var run = await FaultRun.StartAsync("NATS killed and started again, as the publisher sees it", database, $"--Nats:Url={broker.Url}");
        var follower = await JoinAsync(run, NoDatabase, [$"--Nats:Url={broker.Url}", "--Feed:Source=Nats"]);

        await broker.KillAsync();
        await follower.WaitForStateAsync(FeedState.Stale);
        await run.Writers.WriteMoreAsync(100);
        await broker.StartAgainAsync();

        await follower.WaitForStateAsync(FeedState.Live);
        await run.EndFaultAsync();
        await run.FinishAsync();
    }

    [Test]
    public async Task Broker_Frozen_IsFollowedAgain()
    {
        await using var broker = await NatsServer.RequireAsync();
        await using var database = await TestDatabase.CreateAsync();
        await using var run = await FaultRun.StartAsync("NATS frozen, as the publisher sees it", database, $"--Nats:Url={broker.Url}");
        var follower = await JoinAsync(run, NoDatabase, [$"--Nats:Url={broker.Url}", "--Feed:Source=Nats"]);

        await broker.FreezeAsync();
        await follower.WaitForStateAsync(FeedState.Stale);
        await run.Writers.WriteMoreAsync(100);
        await broker.ThawAsync();

        await follower.WaitForStateAsync(FeedState.Live);
        await run.EndFaultAsync();
        await run.FinishAsync();
    }

    [Test]
    public async Task Broker_OfThree_OneKilled_IsNotMissed()
    {
        await using var cluster = await NatsCluster.RequireAsync();
        await using var database = await TestDatabase.CreateAsync();
        string[] settings = [$"--Nats:Url={cluster.Url}", "--Nats:Replicas=3"];
        await using var run = await FaultRun.StartAsync("one of three NATS servers killed, as the publisher sees it", database, settings);
        var follower = await JoinAsync(run, NoDatabase, [.. settings, "--Feed:Source=Nats"]);
        foreach (var node in cluster.Nodes)
        {
            await node.KillAsync();
            await run.Writers.WriteMoreAsync(300);
            await node.StartAgainAsync();
            await follower.WaitForStateAsync(FeedState.Live);
        }

        await run.EndFaultAsync();
        await run.FinishAsync();
    }

    [Test]
    public async Task Broker_Away_FollowerWithADatabase_FallsBackAndReturns()
    {
        await using var broker = await NatsServer.RequireAsync();
        await using var database = await TestDatabase.CreateAsync();
        await using var run = await FaultRun.StartAsync("NATS away, a follower falls back", database, $"--Nats:Url={broker.Url}");
        var follower = await JoinAsync(run, database.ConnectionString, [$"--Nats:Url={broker.Url}", "--Feed:Source=Nats", "--Feed:FallBack=true"]);

        await broker.KillAsync();
        await Wait.UntilAsync(() => follower.HasLogged("Follows the database by itself"), RunningService.Patience, "it has fallen back");
        await follower.WaitForStateAsync(FeedState.Live);
        await run.Writers.WriteMoreAsync(100);
        await broker.StartAgainAsync();
        await Wait.UntilAsync(() => follower.HasLogged("A publisher answers again"), RunningService.Patience, "it has returned");

        await follower.WaitForStateAsync(FeedState.Live);
        await run.EndFaultAsync();
        await run.FinishAsync();
    }

    [Test]
    public async Task Network_OfAFollower_Swallowed_IsFollowedAgain()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var broker = await NatsServer.RequireAsync();
        await using var proxy = new SwallowingProxy(new Uri(broker.Url).Port);
        await using var run = await FaultRun.StartAsync("network between NATS and a follower swallows, as the publisher sees it", database, $"--Nats:Url={broker.Url}");
        var follower = await JoinAsync(run, NoDatabase, [$"--Nats:Url=nats://127.0.0.1:{proxy.Port}", "--Feed:Source=Nats"]);

        proxy.Fault = NetworkFault.SwallowsBoth;
        await follower.WaitForStateAsync(FeedState.Stale);
        await run.Writers.WriteMoreAsync(100);
        proxy.Fault = NetworkFault.None;

        await follower.WaitForStateAsync(FeedState.Live);
        await run.EndFaultAsync();
        await run.FinishAsync();
    }

    [Test]
    public async Task Broker_OfThree_LeaderKilled_IsGoneRound()
    {
        await using var cluster = await NatsCluster.RequireAsync();
        await using var database = await TestDatabase.CreateAsync();
        string[] settings = [$"--Nats:Url={cluster.Url}", "--Nats:Replicas=3"];
        await using var run = await FaultRun.StartAsync("leader of three NATS servers killed, as the publisher sees it", database, settings);
        var follower = await JoinAsync(run, NoDatabase, [.. settings, "--Feed:Source=Nats"]);
        var epoch = (await follower.GetStatusAsync()).Epoch;

        var leader = await cluster.FindLeaderAsync("tweetcounts");
        await leader.KillAsync();
        await Wait.UntilAsync(() => run.Service.HasLogged("does not take frame"), RunningService.Patience, "the publisher has noticed");
        await run.Writers.WriteMoreAsync(100);
        await leader.StartAgainAsync();

        await run.EndFaultAsync();
        await run.FinishAsync();
        Assert.That((await follower.GetStatusAsync()).Epoch, Is.EqualTo(epoch), "it is the same chain");
        Assert.That(follower.HasLogged("Loads from a checkpoint"), Is.False, follower.LogText);
    }

    [Test]
    public async Task Broker_OfThree_LeaderKilledAndThenThePublisher_IsFollowedWithoutALoad()
    {
        await using var cluster = await NatsCluster.RequireAsync();
        await using var database = await TestDatabase.CreateAsync();
        string[] settings = [$"--Nats:Url={cluster.Url}", "--Nats:Replicas=3"];
        var publisher = FaultService.StartProcess(database.ConnectionString, settings);
        await using var run = await FaultRun.StartAsync("leader of three NATS servers killed, and then the publisher of two, as a follower sees it", database, () => Task.FromResult(publisher));
        var standby = await JoinAsync(run, database.ConnectionString, settings);
        var follower = await JoinAsync(run, NoDatabase, [.. settings, "--Feed:Source=Nats"]);
        using var client = new TweetCountsClient(new TweetCountsClientOptions { Addresses = { follower.Address } });
        await using var mirror = client.StartMirror(WatchOptions.All);

        var leader = await cluster.FindLeaderAsync("tweetcounts");
        await leader.KillAsync();
        await Wait.UntilAsync(() => publisher.HasLogged("does not take frame"), RunningService.Patience, "the publisher has noticed");
        // What is handed out now, the stream never gets.
        await run.Writers.WriteMoreAsync(50);
        await publisher.KillAsync();
        await Wait.UntilAsync(() => standby.HasLogged("Publishes from here on"), RunningService.Patience, "the other one publishes");
        publisher.StartAgain();
        await leader.StartAgainAsync();

        await run.EndFaultAsync();
        await run.FinishAsync();
        Assert.That(follower.HasLogged("Loads from a checkpoint"), Is.False, follower.LogText);
        var expected = await database.ReadViewAsync();
        await Wait.UntilAsync(
            () => mirror.Count == expected.Count && mirror.All(counts => expected.TryGetValue(counts.MessageId, out var truth) && truth == (counts.Retweets, counts.Likes)),
            RunningService.Patience,
            "the mirror has what the view says");
    }

    [Test]
    public async Task Primary_GoneAndStandbyPromoted_IsFollowedBelow()
    {
        await using var servers = await ServerPair.StartAsync();
        await servers.BecomeSynchronousAsync();
        var name = ReplicationSetUp.NewName();
        await using var run = await FaultRun.StartAsync("primary gone, standby promoted, below a follower", servers, ReplicationSetUp.Publishing(name));
        var follower = await JoinAsync(run, NoDatabase, ReplicationSetUp.Following(name));

        await servers.Primary.StopAsync(immediate: true);
        await servers.Standby.PromoteAsync();

        await run.EndFaultAsync();
        await run.FinishAsync();
        Assert.That(follower.HasLogged("another chain"), follower.LogText);
    }

    private static async Task<FaultService> JoinAsync(FaultRun run, string connectionString, string[] settings)
    {
        var service = FaultService.StartProcess(connectionString, settings);
        await run.JoinAsync(service);
        return service;
    }
}
