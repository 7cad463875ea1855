using CacheService.IntegrationTests.Infrastructure;
using NATS.Client.Core;
using NATS.Client.JetStream;
using NATS.Client.JetStream.Models;

namespace CacheService.IntegrationTests.Replication;

/// <summary>Somebody takes away what NATS keeps: followers go on, or begin anew, and are exact in either case.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class StreamLostTests
{
    private const string Name = "tweetcounts";
    private const string Checkpoints = $"OBJ_{Name}-checkpoints";
    private const string NoDatabase = "";

    private NatsServer _broker = null!;
    private NatsConnection _connection = null!;
    private NatsJSContext _jetStream = null!;
    private TestDatabase _database = null!;
    private RunningService _publisher = null!;
    private RunningService _follower = null!;

    private string[] Following => [$"--Nats:Url={_broker.Url}", "--Nats:MaxMegabytes=32", "--Feed:Source=Nats"];

    [SetUp]
    public async Task StartAsync()
    {
        _broker = await NatsServer.RequireAsync();
        _connection = new NatsConnection(new NatsOpts { Url = _broker.Url });
        _jetStream = new NatsJSContext(_connection);
        _database = await TestDatabase.CreateAsync();
        _publisher = await RunningService.StartAsync(_database.ConnectionString, $"--Nats:Url={_broker.Url}", "--Nats:MaxMegabytes=32");
        await _database.AddMessagesAsync(5);
        _follower = await RunningService.StartAsync(NoDatabase, Following);
        await WriteAndCompareAsync(_follower);
    }

    [TearDown]
    public async Task StopAsync()
    {
        await _follower.DisposeAsync();
        await _publisher.DisposeAsync();
        await _database.DisposeAsync();
        await _connection.DisposeAsync();
        await _broker.DisposeAsync();
    }

    [Test]
    public async Task Stream_Purged_IsNotMissedByWhoIsUpToDate()
    {
        await _jetStream.PurgeStreamAsync(Name, new StreamPurgeRequest());
        await WriteAndCompareAsync(_follower);
        Assert.That(_follower.Log.Entries.Select(entry => entry.EventName), Has.None.EqualTo("ChainLeft"));

        await using var later = await RunningService.StartAsync(NoDatabase, Following);
        await UntilItBeginsAnewAsync();
        await WriteAndCompareAsync(later, _follower);
    }

    [Test]
    public async Task Stream_Deleted_IsMadeAgainAndFollowed()
    {
        await _jetStream.DeleteStreamAsync(Name);
        await UntilItBeginsAnewAsync();
        await WriteAndCompareAsync(_follower);
    }

    [Test]
    public async Task Checkpoints_Deleted_AreWrittenAgainForWhoStarts()
    {
        await _jetStream.DeleteStreamAsync(Checkpoints);
        await WriteAndCompareAsync(_follower);
        Assert.That(_follower.Log.Entries.Select(entry => entry.EventName), Has.None.EqualTo("ChainLeft"));

        await using var later = await RunningService.StartAsync(NoDatabase, Following);
        await UntilItBeginsAnewAsync();
        await WriteAndCompareAsync(later, _follower);
    }

    private Task UntilItBeginsAnewAsync() =>
        Wait.UntilAsync(() => _follower.Log.Entries.Any(entry => entry.EventName == "ChainLeft"), RunningService.Patience, "the follower goes to another chain");

    private async Task WriteAndCompareAsync(params RunningService[] followers)
    {
        await _database.ExecuteAsync("insert into tweet.activity (messageid, action) select n, 'rt' from generate_series(1, 5) n");
        foreach (var follower in followers)
        {
            await Wait.UntilAsync(() => follower.Status.Condition.State == CacheService.Feed.FeedState.Live, RunningService.Patience, "the follower is LIVE");
            await follower.AssertEqualsViewAsync(_database);
        }
    }
}
