using System.Threading.Channels;
using CacheService.Api.Messages;
using CacheService.Api.Watches;
using CacheService.Counts;
using CacheService.Tests.Feed;
using CacheService.Watching;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
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

    /// <summary>The client comes from a service that was ahead, and perhaps has forgotten everything. Here it is told nothing that is older than what it has seen, by one part or another.</summary>
    [TestCase(100ul, 0ul, Description = "without the point that it has seen")]
    [TestCase(100ul, 101ul)]
    [TestCase(1ul, 101ul)]
    [TestCase(0ul, 101ul)]
    [TestCase(0ul, 5000ul, Description = "too far for a wait")]
    public async Task Watch_AtAServiceThatIsBehindWhatWasSeen_IsRefusedUnlessItCatchesUp(ulong resume, ulong seen)
    {
        foreach (var all in (bool[])[true, false])
        {
            var store = new CountsStore(1000);
            var options = Options.Create(new SubscriptionOptions());
            using var hub = new WatchHub(store, options, TimeProvider.System);
            hub.Start();
            store.Load([new CountedMessage(1, default)], Snapshot, 0);
            await using var app = WebApplication.CreateSlimBuilder().Build();
            var time = new FakeTimeProvider();
            var streams = new WatchStreams(hub, FeedParts.Live(TimeProvider.System), options, app.Lifetime, time);
            using var client = new SlowClient();
            var request = new WatchCountsRequest { All = all, MessageIds = { Enumerable.Repeat(1L, all ? 0 : 1) } };
            (request.ResumeEpoch, request.ResumeRevision) = resume > 0 ? (store.Version!.Epoch, resume) : ("", 0);
            request.Seen = seen > 0 ? new WatchPoint { Epoch = store.Version!.Epoch, Revision = seen } : null;

            var refusing = streams.RunAsync(request, client);
            Assert.That(refusing.IsCompleted, Is.EqualTo(seen == 5000));
            time.Advance(TimeSpan.FromSeconds(2));
            var refused = await Assert.ThrowsAsync<StreamEndedException>(() => refusing);
            Assert.That((refused!.Code, hub.Count), Is.EqualTo((StatusCode.Unavailable, 0)));
            Assert.That(refused.Message, Does.StartWith("this service is behind"));

            var watching = streams.RunAsync(request, client);
            while (store.Version!.Revision < Math.Max(resume, seen))
            {
                store.Apply([new CountChange(1, 1, 0, 0)], Snapshot, 0);
            }

            if (seen < 5000)
            {
                time.Advance(TimeSpan.FromMilliseconds(5));
                var first = await client.NextAsync();
                Assert.That(first.Batch.Content.Counts.Select(counts => counts.Counts.Revision), Is.All.EqualTo(Math.Max(resume, seen)));
                Assert.That((first.Batch.IsReset, first.Batch.IsSynced), Is.EqualTo((resume == 0, true)));
                client.Leave();
            }

            await Assert.CatchAsync(() => watching);
        }
    }

    /// <summary>Others read the same parts of the initial state since before.</summary>
    [Test]
    public void InitialState_OfOneWhoHasSeenMore_IsNotThatOfThoseWhoBeganBefore([Values] bool ofAnotherEpoch)
    {
        var store = new CountsStore(1000);
        using var hub = new WatchHub(store, Options.Create(new SubscriptionOptions()), TimeProvider.System);
        hub.Start();
        store.Load(Enumerable.Range(1, 3 * WatchContent.MaxEntries).Select(id => new CountedMessage(id, default)), Snapshot, 0);
        using var earlier = hub.Subscribe(null, null);
        using var reading = earlier.Collect().GetEnumerator();
        Assert.That(reading.MoveNext());
        var messageId = reading.Current.Content.Counts[0].MessageId;
        store.Apply([new CountChange(messageId, 1, 0, 0)], Snapshot, 0);
        var seen = store.Version!;
        if (ofAnotherEpoch)
        {
            store.Load(store.ReadChangedAfter(0).ToList(), Snapshot, 0);
        }

        using var later = hub.Subscribe(null, new ResumePoint(seen.Epoch, 0, seen.Revision));
        var told = later.Collect().SelectMany(batch => batch.Content.Counts).First(counts => counts.MessageId == messageId);
        Assert.That(told.Counts.Revision, Is.EqualTo(seen.Revision));
    }

    /// <summary>Parts say what they are as of at most, removals too, and so do the heartbeats in between, until a version covers it.</summary>
    [Test]
    public async Task Watch_CutOffAnywhere_HasSaidWhatItIsAheadTo()
    {
        var store = new CountsStore(100_000);
        var options = Options.Create(new SubscriptionOptions());
        using var hub = new WatchHub(store, options, TimeProvider.System);
        hub.Start();
        store.Load(Enumerable.Range(1, 3 * WatchContent.MaxEntries).Select(id => new CountedMessage(id, default)), Snapshot, 0);
        await using var app = WebApplication.CreateSlimBuilder().Build();
        var streams = new WatchStreams(hub, FeedParts.Live(TimeProvider.System), options, app.Lifetime, TimeProvider.System);
        foreach (var all in (bool[])[true, false])
        {
            using var client = new SlowClient();
            var watching = streams.RunAsync(new WatchCountsRequest { All = all, MessageIds = { store.MessageIds().Where(_ => !all) } }, client);
            WatchReply reply;
            while (!(reply = await client.NextAsync()).Batch.IsSynced)
            {
                Assert.That((reply.Told, reply.AheadTo), Is.EqualTo(((CountsVersion?)null, store.Version)));
            }

            Assert.That((reply.Told, reply.AheadTo), Is.EqualTo((store.Version, (CountsVersion?)null)));
            var before = store.Version;
            store.Apply([.. store.MessageIds().Select(id => new CountChange(id, 1, 0, id % 2 == 0 ? 0 : -1))], Snapshot, 0);
            while ((reply = await client.NextAsync()).Told == before)
            {
                Assert.That(reply.AheadTo, Is.EqualTo(store.Version));
            }

            Assert.That((reply.Told, reply.AheadTo), Is.EqualTo((store.Version, (CountsVersion?)null)));
            client.Leave();
            await Assert.CatchAsync<OperationCanceledException>(() => watching);
            store.Load(Enumerable.Range(1, 3 * WatchContent.MaxEntries).Select(id => new CountedMessage(id, default)), Snapshot, 0);
        }
    }

    [Test]
    public async Task Stop_WhileAClientHasNotRead_LeavesItAMomentToTakeWhatIsUnderWay([Values] bool takes)
    {
        var store = new CountsStore(1);
        var options = Options.Create(new SubscriptionOptions());
        using var hub = new WatchHub(store, options, TimeProvider.System);
        hub.Start();
        store.Load([new CountedMessage(1, default)], Snapshot, 0);
        await using var app = WebApplication.CreateSlimBuilder().Build();
        var time = new FakeTimeProvider();
        var streams = new WatchStreams(hub, FeedParts.Live(TimeProvider.System), options, app.Lifetime, time);
        using var client = new SlowClient();
        var watching = streams.RunAsync(new WatchCountsRequest { All = true }, client);
        await client.NextAsync(isTaken: false);

        app.Lifetime.StopApplication();
        Assert.That(() => watching.IsCompleted, Is.False.After(200));
        if (takes)
        {
            client.Take();
        }
        else
        {
            Assert.That(
                () =>
                {
                    time.Advance(TimeSpan.FromSeconds(1));
                    return watching.IsCompleted;
                },
                Is.True.After(20_000, 10));
        }

        var ended = await Assert.ThrowsAsync<StreamEndedException>(() => watching);
        Assert.That((ended!.Code, client.IsAborted), Is.EqualTo((StatusCode.Unavailable, !takes)));
    }

    /// <summary>Takes a reply when the test says so.</summary>
    private sealed class SlowClient : IWatchClient, IDisposable
    {
        private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

        private readonly CancellationTokenSource _leaving = new();
        private readonly Channel<(WatchReply Reply, TaskCompletionSource Taken)> _replies = Channel.CreateUnbounded<(WatchReply, TaskCompletionSource)>();
        private TaskCompletionSource? _untaken;

        public CancellationToken Gone => _leaving.Token;

        public bool IsAborted { get; private set; }

        public async Task WriteAsync(WatchReply reply)
        {
            var taken = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            await _replies.Writer.WriteAsync((reply, taken));
            await taken.Task.WaitAsync(_leaving.Token);
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

        public void Abort()
        {
            IsAborted = true;
            Leave();
        }

        public void Dispose() => _leaving.Dispose();
    }
}
