using System.Threading.Channels;
using CacheService.Client;
using CacheService.Tool.Watching;
using Microsoft.Extensions.Logging.Abstractions;

namespace CacheService.Tests.Tool.Watching;

public sealed class LatestRowsTests
{
    private static readonly Freshness Freshness = new("a", 1, TimeSpan.Zero, FeedState.Live);

    private Channel<WatchUpdate> _updates = null!;
    private CountsMirror _mirror = null!;
    private LatestRows _rows = null!;

    [SetUp]
    public async Task ShowFiveMessages()
    {
        _updates = Channel.CreateUnbounded<WatchUpdate>();
        _mirror = new CountsMirror(_updates.Reader.ReadAllAsync, TimeProvider.System, NullLogger.Instance);
        _rows = new LatestRows(_mirror);
        _updates.Writer.TryWrite(new WatchUpdate.Reset(Freshness));
        _updates.Writer.TryWrite(new WatchUpdate.Changes([.. Enumerable.Range(1, 5).Select(id => new MessageCounts(id, id, 0, 1))], [], 0, Freshness));
        _updates.Writer.TryWrite(new WatchUpdate.Synced(Freshness));
        await _mirror.WaitUntilSyncedAsync();
    }

    [TearDown]
    public async Task End()
    {
        _rows.Dispose();
        await _mirror.DisposeAsync();
    }

    [Test]
    public async Task Choose_MoreMessagesThanRows_KeepsEachInItsRowAndReplacesTheOldest()
    {
        Assert.That(_rows.Choose(3), Is.EqualTo([5L, 4L, 3L]), "at first the highest");

        await ChangeAsync(4, 1);
        Assert.That(_rows.Choose(3), Is.EqualTo([1L, 4L, 3L]));

        await ChangeAsync(2);
        Assert.That(_rows.Choose(3), Is.EqualTo([1L, 4L, 2L]));

        Assert.That(_rows.Choose(2), Is.EqualTo([1L, 2L]), "the terminal has become smaller");
    }

    [Test]
    public async Task Choose_MessageDeleted_FreesItsRow()
    {
        _rows.Choose(3);
        await TellAsync(new WatchUpdate.Changes([], [4], 0, Freshness));

        Assert.That(_rows.Choose(3), Is.EqualTo([5L, 3L]));
    }

    private Task ChangeAsync(params long[] messageIds) =>
        TellAsync(new WatchUpdate.Changes([.. messageIds.Select(id => new MessageCounts(id, id, 1, 2))], [], 0, Freshness));

    private async Task TellAsync(WatchUpdate.Changes changes)
    {
        var told = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        void Tell(object? sender, CountsChangedEventArgs args) => told.TrySetResult();
        _mirror.Changed += Tell;
        _updates.Writer.TryWrite(changes);
        await told.Task.WaitAsync(TimeSpan.FromSeconds(20));
        _mirror.Changed -= Tell;
    }
}
