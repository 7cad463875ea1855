using System.Collections.Concurrent;
using CacheService.Client;
using CacheService.IntegrationTests.Infrastructure;
using Grpc.Core;
using Microsoft.Extensions.Time.Testing;

namespace CacheService.IntegrationTests.Client;

public sealed class MirrorTests
{
    private readonly FakeTimeProvider _time = new();
    private ScriptedServer _server = null!;
    private TweetCountsClient _client = null!;
    private CountsMirror _mirror = null!;
    private ScriptedWatch _watch = null!;

    [SetUp]
    public async Task StartMirror()
    {
        _server = await ScriptedServer.StartAsync();
        _client = ScriptedServer.ClientOf(_time, _server);
        _mirror = _client.StartMirror(WatchOptions.All);
        _watch = await _server.Service.NextWatchAsync();
    }

    [TearDown]
    public async Task Stop()
    {
        await _mirror.DisposeAsync();
        _client.Dispose();
        await _server.DisposeAsync();
    }

    [Test]
    public async Task Mirror_BeforeTheFirstSync_IsEmptyAndSaysSo()
    {
        var synced = _mirror.WaitUntilSyncedAsync();
        _watch.Send(Sent.Progress("a", 5).AsReset().With((1, 10)));
        await UntilAsync(() => _mirror.Detail == "catching up", "the reset has come");

        Assert.That((_mirror.State, _mirror.Count, _mirror.Age, _mirror.Freshness), Is.EqualTo((MirrorState.Starting, 0, (TimeSpan?)null, (Freshness?)null)));
        Assert.That(synced.IsCompleted, Is.False);

        _watch.Send(Sent.Progress("a", 5).With((2, 20)).AsSynced());
        await synced;
        Assert.That((_mirror.State, _mirror.Count, _mirror.Detail), Is.EqualTo((MirrorState.Live, 2, "")));
    }

    [Test]
    public async Task Mirror_Changes_AreHeldBeforeTheyAreTold()
    {
        await SyncAsync(Sent.Everything("a", 5, (1, 10), (2, 20)));
        var told = new ConcurrentQueue<(CountsChangedEventArgs Changes, int Count, ulong Revision)>();
        _mirror.Changed += (_, changes) => told.Enqueue((changes, _mirror.Count, _mirror.Freshness!.Revision));

        _watch.Send(Sent.Progress("a", 6).With((1, 11), (3, 30)).Without(2, 9));
        await UntilAsync(() => !told.IsEmpty, "the change is told");

        Assert.That(told.TryDequeue(out var first));
        Assert.That(first.Changes.Counts, Is.EqualTo([new MessageCounts(1, 1, 11, 6), new MessageCounts(3, 3, 30, 6)]));
        Assert.That(first.Changes.RemovedMessageIds, Is.EqualTo([2L, 9L]));
        Assert.That((first.Count, first.Revision), Is.EqualTo((2, 6UL)));
        Assert.That(_mirror.TryGet(1, out var counts) && counts == new MessageCounts(1, 1, 11, 6));
        Assert.That(_mirror.TryGet(2, out _), Is.False);
        Assert.That(_mirror.Select(c => c.MessageId), Is.EquivalentTo([1, 3]));
    }

    [Test]
    public async Task Mirror_Age_GrowsBetweenMessagesAndWhileDisconnected()
    {
        await SyncAsync(Sent.Everything("a", 5));
        Assert.That(_mirror.Age, Is.EqualTo(Sent.Age));

        _time.Advance(TimeSpan.FromSeconds(4));
        Assert.That(_mirror.Age, Is.EqualTo(Sent.Age + TimeSpan.FromSeconds(4)));

        _watch.Send(Sent.Progress("a", 5));
        await UntilAsync(() => _mirror.Age == Sent.Age, "a heartbeat renews the age");

        _watch.End(StatusCode.Unavailable, "stopping");
        await UntilAsync(() => _mirror.State == MirrorState.Stale, "the mirror is stale");
        Assert.That(_mirror.Detail, Is.EqualTo("not connected: stopping"));
        _time.Advance(TimeSpan.FromSeconds(2));
        Assert.That(_mirror.Age, Is.EqualTo(Sent.Age + TimeSpan.FromSeconds(2)));
    }

    [Test]
    public async Task Mirror_FeedStaleAndLive_ShowsAtOnce()
    {
        await SyncAsync(Sent.Everything("a", 5));
        var states = new ConcurrentQueue<MirrorState>();
        _mirror.StateChanged += (_, _) => states.Enqueue(_mirror.State);

        _watch.Send(Sent.Progress("a", 5, TweetCounts.V1.FeedState.Stale)).Send(Sent.Progress("a", 5)).Send(Sent.Progress("a", 5));
        await UntilAsync(() => states.Count >= 2, "both states have been told");

        Assert.That(states, Is.EqualTo([MirrorState.Stale, MirrorState.Live]));
    }

    [Test]
    public async Task Mirror_Reset_ShowsTheOldCountsUntilTheNewAreComplete()
    {
        await SyncAsync(Sent.Everything("a", 5, (1, 10), (2, 20), (3, 30)));
        var told = new ConcurrentQueue<CountsChangedEventArgs>();
        _mirror.Changed += (_, changes) => told.Enqueue(changes);
        await ReconnectAsync();

        _time.Advance(TimeSpan.FromSeconds(1));
        _watch.Send(Sent.Progress("b", 1).AsReset().With((1, 10)));
        _watch.Send(Sent.Progress("b", 1).With((2, 21)));
        await UntilAsync(() => _mirror.Detail == "catching up", "the reset has come");
        Assert.That((_mirror.Count, _mirror.State, _mirror.Freshness!.Epoch), Is.EqualTo((3, MirrorState.Stale, "a")));
        Assert.That(_mirror.Age, Is.GreaterThan(Sent.Age + TimeSpan.FromSeconds(1)));

        _watch.Send(Sent.Progress("b", 2).With((4, 40)).AsSynced());
        await UntilAsync(() => !told.IsEmpty, "the difference is told");

        Assert.That((_mirror.Count, _mirror.State, _mirror.Freshness!.Epoch), Is.EqualTo((3, MirrorState.Live, "b")));
        Assert.That(told.Single().Counts, Is.EquivalentTo([new MessageCounts(2, 2, 21, 1), new MessageCounts(4, 4, 40, 2)]), "message 1 is as it was");
        Assert.That(told.Single().RemovedMessageIds, Is.EqualTo([3L]));
    }

    [Test]
    public async Task Mirror_ResetCutOff_KeepsTheOldCountsAndStartsOver()
    {
        await SyncAsync(Sent.Everything("a", 5, (1, 10)));
        await ReconnectAsync();
        _watch.Send(Sent.Progress("b", 1).AsReset().With((7, 70)));
        await UntilAsync(() => _mirror.Detail == "catching up", "the reset has come");
        await ReconnectAsync();
        Assert.That(_watch.Request.ResumeEpoch, Is.Empty);
        Assert.That(_mirror.Select(c => c.MessageId), Is.EqualTo([1L]));

        _watch.Send(Sent.Everything("c", 1, (8, 80)));
        await UntilAsync(() => _mirror.State == MirrorState.Live, "the mirror is live");
        Assert.That(_mirror.Select(c => c.MessageId), Is.EqualTo([8L]));
    }

    [Test]
    public async Task Mirror_Resume_IsStaleUntilItHasCaughtUp()
    {
        await SyncAsync(Sent.Everything("a", 5, (1, 10)));
        await ReconnectAsync();
        _watch.Send(Sent.Progress("a", 9).With((1, 11)));
        await UntilAsync(() => _mirror.TryGet(1, out var counts) && counts.Likes == 11, "the change has come");
        Assert.That((_mirror.State, _mirror.Freshness!.Revision), Is.EqualTo((MirrorState.Stale, 5UL)));

        _watch.Send(Sent.Progress("a", 9).AsSynced());
        await UntilAsync(() => _mirror.State == MirrorState.Live, "the mirror is live");
        Assert.That(_mirror.Freshness!.Revision, Is.EqualTo(9UL));
    }

    [Test]
    public async Task Mirror_HandlerThrows_GoesOn()
    {
        await SyncAsync(Sent.Everything("a", 5));
        _mirror.Changed += (_, _) => throw new InvalidOperationException("a handler's bug");

        _watch.Send(Sent.Progress("a", 6).With((1, 10))).Send(Sent.Progress("a", 7).With((1, 11)));

        await UntilAsync(() => _mirror.TryGet(1, out var counts) && counts.Likes == 11, "the second change is held");
    }

    [Test]
    public async Task Mirror_ErrorThatNothingMends_FailsAndThrowsToWhoWaits()
    {
        var synced = _mirror.WaitUntilSyncedAsync();
        _watch.End(StatusCode.InvalidArgument, "too many ids");

        Assert.That((await Assert.ThrowsAsync<RpcException>(() => synced))!.StatusCode, Is.EqualTo(StatusCode.InvalidArgument));
        Assert.That((_mirror.State, _mirror.Detail), Is.EqualTo((MirrorState.Failed, "InvalidArgument: too many ids")));
    }

    [Test]
    public async Task Mirror_Disposed_EndsTheWatchAndKeepsTheCounts()
    {
        await SyncAsync(Sent.Everything("a", 5, (1, 10)));

        await _mirror.DisposeAsync();

        await _watch.Gone.Task.WaitAsync(RunningService.Patience);
        Assert.That((_mirror.State, _mirror.Count), Is.EqualTo((MirrorState.Stale, 1)));
    }

    [Test]
    public async Task Mirror_DisposedBeforeTheFirstSync_CancelsWhoWaits()
    {
        var synced = _mirror.WaitUntilSyncedAsync();

        await _mirror.DisposeAsync();

        await Assert.CatchAsync<OperationCanceledException>(() => synced);
    }

    private static Task UntilAsync(Func<bool> condition, string what) => Wait.UntilAsync(condition, RunningService.Patience, what);

    private async Task SyncAsync(TweetCounts.V1.WatchCountsResponse everything)
    {
        _watch.Send(everything);
        await _mirror.WaitUntilSyncedAsync();
    }

    private async Task ReconnectAsync()
    {
        _watch.End(StatusCode.Unavailable, "stopping");
        await UntilAsync(() => _mirror.Detail == "not connected: stopping", "the mirror is disconnected");
        var next = _server.Service.NextWatchAsync();
        await UntilAsync(
            () =>
            {
                _time.Advance(TimeSpan.FromMilliseconds(10));
                return next.IsCompleted;
            },
            "the mirror has connected again");
        _watch = await next;
    }
}
