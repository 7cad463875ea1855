using CacheService.Client;
using CacheService.IntegrationTests.Infrastructure;
using Grpc.Core;
using Microsoft.Extensions.Time.Testing;

namespace CacheService.IntegrationTests.Client;

public sealed class WatchTests
{
    private ScriptedServer _server = null!;
    private TweetCountsClient _client = null!;
    private WatchReader _reader = null!;

    [SetUp]
    public async Task Start()
    {
        _server = await ScriptedServer.StartAsync();
        _client = ScriptedServer.ClientOf(_server);
        _reader = new WatchReader(_client, WatchOptions.Of(1, 2, 3));
    }

    [TearDown]
    public async Task Stop()
    {
        await _reader.DisposeAsync();
        _client.Dispose();
        await _server.DisposeAsync();
    }

    [Test]
    public async Task Watch_Begun_AsksForWhatTheOptionsSay()
    {
        var first = _reader.NextAsync();
        var ids = await _server.Service.NextWatchAsync();
        Assert.That(ids.Request, Is.EqualTo(new TweetCounts.V1.WatchCountsRequest { MessageIds = { 1, 2, 3 }, Heartbeat = new() { Seconds = 5 } }));
        ids.Send(Sent.Progress("a", 1));
        await first;

        await using var all = new WatchReader(_client, WatchOptions.All with { MinInterval = TimeSpan.FromSeconds(2), Heartbeat = TimeSpan.FromSeconds(1) });
        var next = all.NextAsync();
        var request = (await _server.Service.NextWatchAsync()).Send(Sent.Progress("a", 1)).Request;
        Assert.That(request, Is.EqualTo(new TweetCounts.V1.WatchCountsRequest { All = true, MinInterval = new() { Seconds = 2 }, Heartbeat = new() { Seconds = 1 } }));
        await next;
    }

    [Test]
    public async Task Watch_Undisturbed_TellsEverythingThenChanges()
    {
        var connected = _reader.NextAsync<WatchUpdate.Connected>();
        var watch = await _server.Service.NextWatchAsync();
        watch.Send(Sent.Everything("a", 5, (1, 10), (2, 20)));
        watch.Send(Sent.Progress("a", 5, TweetCounts.V1.FeedState.Stale));
        var change = Sent.Progress("a", 7).With((1, 11)).Without(2);
        change.Coalesced = 3;
        watch.Send(change);

        Assert.That((await connected).Address, Is.EqualTo(_server.Address));
        var freshness = new Freshness("a", 5, Sent.Age, FeedState.Live);
        Assert.That(await _reader.NextAsync(), Is.EqualTo(new WatchUpdate.Reset(freshness)));
        Assert.That((await _reader.NextAsync<WatchUpdate.Changes>()).Counts, Is.EqualTo([new MessageCounts(1, 1, 10, 5), new MessageCounts(2, 2, 20, 5)]));
        Assert.That(await _reader.NextAsync(), Is.EqualTo(new WatchUpdate.Synced(freshness)));
        Assert.That(await _reader.NextAsync(), Is.EqualTo(new WatchUpdate.Heartbeat(freshness with { State = FeedState.Stale })));
        var changes = await _reader.NextAsync<WatchUpdate.Changes>();
        Assert.That(changes.Counts, Is.EqualTo([new MessageCounts(1, 1, 11, 7)]));
        Assert.That((changes.RemovedMessageIds, changes.Coalesced), Is.EqualTo((new long[] { 2 }, 3UL)));
    }

    [TestCase(StatusCode.OK, "", "the server ended the watch")]
    [TestCase(StatusCode.Unavailable, "stopping", "stopping")]
    [TestCase(StatusCode.Aborted, "has not read for 30 seconds", "has not read for 30 seconds")]
    [TestCase(StatusCode.ResourceExhausted, "too many watchers", "too many watchers")]
    [TestCase(StatusCode.Internal, "the service failed", "the service failed")]
    public async Task Watch_CutOffAfterSynced_ResumesFromTheLastMessage(StatusCode status, string detail, string reason)
    {
        var synced = _reader.UntilAsync<WatchUpdate.Synced>();
        var watch = await _server.Service.NextWatchAsync();
        watch.Send(Sent.Everything("a", 5, (1, 10))).Send(Sent.Progress("a", 9)).End(status, detail);
        await synced;
        await _reader.NextAsync<WatchUpdate.Heartbeat>();

        var disconnected = await _reader.NextAsync<WatchUpdate.Disconnected>();
        Assert.That((disconnected.Status, disconnected.Reason), Is.EqualTo((status, reason)));
        Assert.That(disconnected.RetryIn, Is.InRange(TimeSpan.FromMilliseconds(25), TimeSpan.FromMilliseconds(50)));

        var connected = _reader.NextAsync<WatchUpdate.Connected>();
        watch = await _server.Service.NextWatchAsync();
        Assert.That((watch.Request.ResumeEpoch, watch.Request.ResumeRevision), Is.EqualTo(("a", 9UL)));
        watch.Send(Sent.Progress("a", 10).With((1, 11)).AsSynced());
        await connected;
        await _reader.NextAsync<WatchUpdate.Changes>();
        await _reader.NextAsync<WatchUpdate.Synced>();
    }

    [Test]
    public async Task Watch_CutOffBeforeSynced_StartsOver()
    {
        var changes = _reader.UntilAsync<WatchUpdate.Changes>();
        (await _server.Service.NextWatchAsync()).Send(Sent.Progress("a", 5).AsReset().With((1, 10))).End();
        await changes;

        var disconnected = _reader.UntilAsync<WatchUpdate.Disconnected>();
        await disconnected;
        var next = _reader.NextAsync();
        var watch = await _server.Service.NextWatchAsync();
        Assert.That((watch.Request.ResumeEpoch, watch.Request.ResumeRevision), Is.EqualTo(("", 0UL)));
        watch.Send(Sent.Everything("a", 6));
        await next;
    }

    [Test]
    public async Task Watch_ResumeCutOffBeforeSynced_ResumesFromTheOldPoint()
    {
        var first = _reader.UntilAsync<WatchUpdate.Disconnected>();
        (await _server.Service.NextWatchAsync()).Send(Sent.Everything("a", 5, (1, 10))).End();
        await first;

        var second = _reader.UntilAsync<WatchUpdate.Disconnected>();
        (await _server.Service.NextWatchAsync()).Send(Sent.Progress("a", 8).With((1, 11))).End();
        await second;

        var third = _reader.NextAsync();
        var watch = await _server.Service.NextWatchAsync();
        Assert.That((watch.Request.ResumeEpoch, watch.Request.ResumeRevision), Is.EqualTo(("a", 5UL)));
        watch.Send(Sent.Progress("a", 8).AsSynced());
        await third;
    }

    [Test]
    public async Task Watch_ServerReloads_ResumesInTheNewEpoch()
    {
        var disconnected = _reader.UntilAsync<WatchUpdate.Disconnected>();
        (await _server.Service.NextWatchAsync()).Send(Sent.Everything("a", 50, (1, 10))).Send(Sent.Progress("b", 1).With((1, 12))).End();
        await disconnected;

        var next = _reader.NextAsync();
        var watch = await _server.Service.NextWatchAsync();
        Assert.That((watch.Request.ResumeEpoch, watch.Request.ResumeRevision), Is.EqualTo(("b", 1UL)));
        watch.Send(Sent.Progress("b", 1).AsSynced());
        await next;
    }

    [TestCase(StatusCode.InvalidArgument)]
    [TestCase(StatusCode.PermissionDenied)]
    [TestCase(StatusCode.Unauthenticated)]
    [TestCase(StatusCode.Unimplemented)]
    public async Task Watch_ErrorThatNothingMends_Throws(StatusCode status)
    {
        var next = _reader.NextAsync();
        (await _server.Service.NextWatchAsync()).End(status, "no");

        var error = await Assert.ThrowsAsync<RpcException>(() => next);
        Assert.That(error!.Status, Is.EqualTo(new Status(status, "no")));
    }

    [Test]
    public async Task Watch_Cancelled_ThrowsAndEndsTheCall()
    {
        var synced = _reader.UntilAsync<WatchUpdate.Synced>();
        var watch = (await _server.Service.NextWatchAsync()).Send(Sent.Everything("a", 5));
        await synced;

        var next = _reader.NextAsync();
        _reader.Cancel();

        await Assert.CatchAsync<OperationCanceledException>(() => next);
        await watch.Gone.Task.WaitAsync(RunningService.Patience);
    }

    [Test]
    public async Task Watch_ClientDisposed_Throws()
    {
        var synced = _reader.UntilAsync<WatchUpdate.Synced>();
        (await _server.Service.NextWatchAsync()).Send(Sent.Everything("a", 5));
        await synced;

        var next = _reader.NextAsync();
        _client.Dispose();

        await Assert.ThrowsAsync<ObjectDisposedException>(() => next);
    }

    [Test]
    public async Task Watch_ServerSilent_IsTakenForDeadAfterThreeHeartbeats()
    {
        var time = new FakeTimeProvider();
        using var client = ScriptedServer.ClientOf(time, _server);
        await using var reader = new WatchReader(client, WatchOptions.All with { Heartbeat = TimeSpan.FromSeconds(10) });
        var synced = reader.UntilAsync<WatchUpdate.Synced>();
        var watch = (await _server.Service.NextWatchAsync()).Send(Sent.Everything("a", 5));
        await synced;

        var next = reader.NextAsync();
        time.Advance(TimeSpan.FromSeconds(29));
        watch.Send(Sent.Progress("a", 6));
        Assert.That(await next, Is.InstanceOf<WatchUpdate.Heartbeat>(), "not silent yet");

        // A caller that is busy for long has lost nothing.
        time.Advance(TimeSpan.FromMinutes(5));
        watch.Send(Sent.Progress("a", 7));
        await reader.NextAsync<WatchUpdate.Heartbeat>();

        var disconnected = reader.NextAsync<WatchUpdate.Disconnected>();
        time.Advance(TimeSpan.FromSeconds(31));
        Assert.That((await disconnected).Reason, Is.EqualTo("nothing has come for 30 seconds"));
        await watch.Gone.Task.WaitAsync(RunningService.Patience);

        var connected = reader.NextAsync<WatchUpdate.Connected>();
        time.Advance(TimeSpan.FromSeconds(1));
        watch = await _server.Service.NextWatchAsync();
        Assert.That(watch.Request.ResumeRevision, Is.EqualTo(7UL));
        watch.Send(Sent.Progress("a", 7).AsSynced());
        await connected;
    }
}
