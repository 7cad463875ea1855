using System.Threading.Channels;
using CacheService.Api.Messages;
using CacheService.Api.Watches;
using CacheService.Counts;
using CacheService.Tests.Feed;
using CacheService.Watching;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Options;
using TweetCounts.V1;

namespace CacheService.Tests.Api.Watches;

internal sealed class WatchStreamsTests
{
    private static readonly PgSnapshot Snapshot = PgSnapshot.Parse("10:10:");

    /// <summary>The client does not read while more happens than is remembered. It then has to forget all, must not resume in the middle of that, and hears the end of it.</summary>
    [Test]
    public async Task Watch_ThatIsResetOnItsWay_HasNoVersionUntilItIsSyncedAgain()
    {
        const int Messages = 3 * WatchContent.MaxEntries;
        const int MoreThanIsRemembered = 200_000;
        var store = new CountsStore(1);
        var options = Options.Create(new SubscriptionOptions());
        using var hub = new WatchHub(store, options, TimeProvider.System);
        hub.Start();
        store.Load(Enumerable.Range(1, Messages).Select(id => new CountedMessage(id, default)), Snapshot, 0);
        await using var app = WebApplication.CreateSlimBuilder().Build();
        var streams = new WatchStreams(hub, FeedParts.Live(TimeProvider.System), options, app.Lifetime, TimeProvider.System);
        using var client = new SlowClient();
        var watching = streams.RunAsync(new WatchCountsRequest { All = true }, client);
        while (!(await client.NextAsync()).Batch.IsSynced)
        {
        }

        // The next reply is not taken yet, and the others wait for that.
        store.Apply([new CountChange(1, 1, 0, 0)], Snapshot, 0);
        var taking = await client.NextAsync(isTaken: false);
        Assert.That(taking.Told, Is.Not.Null);
        for (var changes = 0; changes <= MoreThanIsRemembered; changes += Messages)
        {
            store.Apply([.. Enumerable.Range(4, Messages - 3).Select(id => new CountChange(id, 1, 0, 0))], Snapshot, 0);
        }

        store.Apply([new CountChange(1, -1, 0, -1), new CountChange(2, 0, 0, -1), new CountChange(3, 0, 0, -1)], Snapshot, 0);
        client.Take();

        var replies = new List<WatchReply>();
        do
        {
            replies.Add(await client.NextAsync());
        }
        while (!replies[^1].Batch.IsSynced);

        // Before it, perhaps some of what has changed.
        replies.RemoveRange(0, replies.FindIndex(reply => reply.Batch.IsReset));
        Assert.That(replies, Has.Count.AtLeast(2));
        Assert.That(replies.SkipLast(1).Select(reply => reply.Told), Is.All.Null);
        Assert.That(replies[^1].Told, Is.EqualTo(store.Version));
        Assert.That(replies.SelectMany(reply => reply.Batch.Content.Counts).Select(counts => counts.MessageId), Is.EquivalentTo(Enumerable.Range(4, Messages - 3)));

        client.Leave();
        await Assert.CatchAsync<OperationCanceledException>(() => watching);
    }

    /// <summary>Takes a reply when the test says so.</summary>
    private sealed class SlowClient : IWatchClient, IDisposable
    {
        private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

        private readonly CancellationTokenSource _leaving = new();
        private readonly Channel<(WatchReply Reply, TaskCompletionSource Taken)> _replies = Channel.CreateUnbounded<(WatchReply, TaskCompletionSource)>();
        private TaskCompletionSource? _untaken;

        public CancellationToken Gone => _leaving.Token;

        public async Task WriteAsync(WatchReply reply, CancellationToken cancellationToken)
        {
            var taken = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            await _replies.Writer.WriteAsync((reply, taken), cancellationToken);
            await taken.Task;
        }

        public async Task<WatchReply> NextAsync(bool isTaken = true)
        {
            var (reply, taken) = await _replies.Reader.ReadAsync().AsTask().WaitAsync(Patience);
            _untaken = taken;
            if (isTaken)
            {
                Take();
            }

            return reply;
        }

        public void Take() => _untaken!.SetResult();

        public void Leave() => _leaving.Cancel();

        public void Abort() => Leave();

        public void Dispose() => _leaving.Dispose();
    }
}
