using CacheService.Counts;
using CacheService.Watching;
using Microsoft.Extensions.Options;

namespace CacheService.IntegrationTests.Watching;

/// <summary>Subscriptions under a writer that never pauses, checked by <see cref="WatchHistory"/>; and that the check finds what it is there to find.</summary>
internal sealed class SubscriptionHistoryTests
{
    private const int Messages = 12;
    private static readonly PgSnapshot Snapshot = PgSnapshot.Parse("10:10:");

    [Test]
    public async Task Subscriptions_UnderRandomWritesAndReloads_KeepTheGuarantees()
    {
        await using var writer = new RandomWriter();
        var histories = await Task.WhenAll(
            [.. Enumerable.Range(0, 3).Select(n => Task.Run(() => Follow(writer, [1, 2, 3 + n, 100]))), .. Enumerable.Range(0, 3).Select(_ => Task.Run(() => Follow(writer, null)))]);

        foreach (var history in histories)
        {
            Assert.That(history.Violations, Is.Empty);
            Assert.That(history.Messages, Is.GreaterThan(100));
        }

        Assert.That(histories.Sum(history => history.Coalesced), Is.GreaterThan(0), "some were slower than the writer");
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task Subscriptions_ThatResumeAgainAndAgain_KeepTheGuarantees(bool all)
    {
        await using var writer = new RandomWriter();
        var history = await Task.Run(() => Follow(writer, all ? null : [1, 2, 3, 4, 5], streams: 300));

        Assert.That(history.Violations, Is.Empty);
        Assert.That(history.Resets, Is.InRange(1, 250), "most streams resumed");
    }

    [TestCase(true)]
    [TestCase(false)]
    public void Subscriptions_CollectedWhileTheStoreIsAheadOfWhatIsPublished_AreToldEverythingOnce(bool all)
    {
        var store = new CountsStore(1000);
        store.Load(Enumerable.Range(1, Messages).Select(id => new CountedMessage(id, default)), Snapshot, 0);
        var truth = new TruthLog(store);
        var hub = new WatchHub(store, Options.Create(new SubscriptionOptions()), TimeProvider.System);
        var random = new Random(11);
        var followers = Enumerable.Range(0, 4).Select(n => new Follower(hub, truth, all ? null : [1, 2, 3 + n, 100])).ToList();

        // Called before the hub publishes: the store has the change already.
        store.Changed += (_, _) =>
        {
            foreach (var follower in followers.Where(_ => hub.Published is not null && random.Next(2) == 0))
            {
                follower.Go(beginsAgain: random.Next(5) == 0);
            }
        };
        hub.Start();
        store.Apply([], Snapshot, 0);
        for (var n = 0; n < 3000; n++)
        {
            store.Apply([.. Enumerable.Range(1, Messages).Where(_ => random.Next(3) == 0).Select(id => RandomWriter.RandomChange(store, random, id))], Snapshot, 0);
            foreach (var follower in followers.Where(_ => random.Next(10) == 0))
            {
                follower.Go(beginsAgain: random.Next(5) == 0);
            }
        }

        foreach (var follower in followers)
        {
            Assert.That(follower.IsWoken(), "what was put off is signalled");
            follower.Go(beginsAgain: false);
            Assert.That(follower.History.Violations, Is.Empty);
            Assert.That(follower.History.Knows(truth.Revision));
            Assert.That(follower.History.Resets, Is.LessThan(20), "most streams resumed");
            follower.Dispose();
        }
    }

    [Test]
    public async Task Check_WithAValueToldTwice_Fails()
    {
        await using var writer = new RandomWriter(runs: false);
        writer.Write(1);
        var revision = writer.Truth.Revision;
        var history = new WatchHistory(writer.Truth, [1]);
        history.BeginStream(resumes: false);
        history.Take(new WatchHistory.Told([(1, revision, 1, 0)], [], IsReset: true, IsSynced: true, 0, ("e", revision)));
        Assert.That(history.Violations, Is.Empty);

        history.Take(new WatchHistory.Told([(1, revision, 1, 0)], [], IsReset: false, IsSynced: false, 0, ("e", revision)));
        Assert.That(history.Violations, Has.One.Contains("told twice"));
        history.Take(new WatchHistory.Told([], [2], IsReset: false, IsSynced: false, 0, ("e", revision)));
        history.Take(new WatchHistory.Told([], [2], IsReset: false, IsSynced: false, 0, ("e", revision)));
        Assert.That(history.Violations, Has.One.Contains("told twice to be gone"));
    }

    [Test]
    public async Task Check_WithTheStateCollectedBeforeRegistering_Fails()
    {
        await using var writer = new RandomWriter(runs: false);
        using var subscription = new KeySubscription(writer.Hub, writer.Store, [1, 2]);
        var history = new WatchHistory(writer.Truth, [1, 2]);
        history.BeginStream(resumes: false);

        subscription.Begin(null);
        TakeAll(history, subscription);
        writer.Write(1);
        writer.Hub.Register(subscription);
        TakeAll(history, subscription);

        Assert.That(history.Violations, Has.Some.Contains("progress"));
    }

    [Test]
    public async Task Check_WithAMarkLost_Fails()
    {
        await using var writer = new RandomWriter(runs: false);
        using var subscription = writer.Hub.Subscribe([1, 2], null);
        var history = new WatchHistory(writer.Truth, [1, 2]);
        history.BeginStream(resumes: false);

        TakeAll(history, subscription);
        writer.Write(1);
        foreach (var lost in subscription.Collect())
        {
            Assert.That(lost.Content.Counts, Has.Count.EqualTo(1));
        }

        writer.Write(2);
        TakeAll(history, subscription);

        Assert.That(history.Violations, Has.Some.Contains("message 1"));
    }

    [Test]
    public async Task Check_WithAnInventedValue_Fails()
    {
        await using var writer = new RandomWriter(runs: false);
        var history = new WatchHistory(writer.Truth, [1]);
        history.Take(new WatchHistory.Told([(1, 1, 77, 77)], [], IsReset: true, IsSynced: true, 0, ("e", 1)));
        Assert.That(history.Violations, Has.Some.Contains("never had 77"));
    }

    [Test]
    public async Task Resume_WithTombstonesGone_Resets()
    {
        await using var writer = new RandomWriter(runs: false, maxTombstones: 1);
        var before = new ResumePoint(writer.Store.Version!.Epoch, writer.Store.Version.Revision, writer.Store.Version.Revision);
        foreach (var all in new[] { true, false })
        {
            using var resumed = writer.Hub.Subscribe(all ? null : [1, 2], before);
            Assert.That(resumed.Collect().First().IsReset, Is.False);
        }

        writer.Delete(3);
        writer.Delete(4);
        foreach (var all in new[] { true, false })
        {
            using var late = writer.Hub.Subscribe(all ? null : [1, 2], before);
            Assert.That(late.Collect().First().IsReset, Is.True);
        }
    }

    [Test]
    public async Task AllSubscription_ThatFallsBehindTheHistory_CatchesUpFromTheStore()
    {
        await using var writer = new RandomWriter(runs: false);
        using var subscription = writer.Hub.Subscribe(null, null);
        var history = new WatchHistory(writer.Truth, null);
        history.BeginStream(resumes: false);
        TakeAll(history, subscription);
        for (var n = 0; n < 10_000; n++)
        {
            writer.Write(1 + (n % 2));
        }

        writer.Delete(5);
        TakeAll(history, subscription);

        Assert.That(history.Violations, Is.Empty);
        Assert.That(history.Resets, Is.EqualTo(1), "only the first");
        Assert.That(history.Knows(writer.Truth.Revision));
    }

    private static WatchHistory Follow(RandomWriter writer, long[]? watched, int streams = 1)
    {
        var history = new WatchHistory(writer.Truth, watched);
        var random = new Random(7);
        for (var stream = 0; stream < streams; stream++)
        {
            var resume = history.Progress is { } progress ? new ResumePoint(progress.Epoch, progress.Revision, progress.Revision) : null;
            history.BeginStream(resumes: resume is not null);
            using var subscription = writer.Hub.Subscribe(watched, resume);
            for (var n = streams == 1 ? 2000 : random.Next(1, 6); n > 0; n--)
            {
                Thread.SpinWait(random.Next(0, 3000));
                TakeAll(history, subscription);
            }
        }

        return history;
    }

    private static void TakeAll(WatchHistory history, Subscription subscription)
    {
        foreach (var batch in subscription.Collect())
        {
            history.Take(new WatchHistory.Told(
                [.. batch.Content.Counts.Select(message => (message.MessageId, message.Counts.Revision, message.Counts.Retweets, message.Counts.Likes))],
                batch.Content.Removed,
                batch.IsReset,
                batch.IsSynced,
                batch.Coalesced,
                batch.Version is { } version ? (version.Epoch, version.Revision) : null));
        }
    }

    /// <summary>A subscriber that collects when it is told to, and resumes where it was.</summary>
    private sealed class Follower(WatchHub hub, TruthLog truth, long[]? watched) : IDisposable
    {
        private Subscription? _subscription;

        public WatchHistory History { get; } = new(truth, watched);

        public void Go(bool beginsAgain)
        {
            if (_subscription is null || beginsAgain)
            {
                _subscription?.Dispose();
                var resume = History.Progress is { } progress ? new ResumePoint(progress.Epoch, progress.Revision, progress.Revision) : null;
                History.BeginStream(resumes: resume is not null);
                _subscription = hub.Subscribe(watched, resume);
            }

            TakeAll(History, _subscription);
        }

        /// <summary>Whether there is nothing to collect, or it is said that there is.</summary>
        public bool IsWoken() => History.Knows(truth.Revision) || _subscription is null || _subscription.Signal.TryTake();

        public void Dispose() => _subscription?.Dispose();
    }

    /// <summary>A store with a hub, and the one writer that changes it.</summary>
    private sealed class RandomWriter : IAsyncDisposable
    {
        private readonly CancellationTokenSource _stopping = new();
        private readonly Task _running = Task.CompletedTask;

        public RandomWriter(bool runs = true, int maxTombstones = 1000)
        {
            Store = new CountsStore(maxTombstones);
            Hub = new WatchHub(Store, Options.Create(new SubscriptionOptions()), TimeProvider.System);
            Hub.Start();
            Store.Load(Enumerable.Range(1, Messages).Select(id => new CountedMessage(id, default)), Snapshot, 0);
            Truth = new TruthLog(Store);
            if (runs)
            {
                _running = Task.Run(Run);
            }
        }

        public CountsStore Store { get; }

        public WatchHub Hub { get; }

        public TruthLog Truth { get; }

        public void Write(long messageId) => Store.Apply([new CountChange(messageId, 1, 0, 0)], Snapshot, 0);

        public void Delete(long messageId) => Store.Apply([new CountChange(messageId, 0, 0, -1)], Snapshot, 0);

        public async ValueTask DisposeAsync()
        {
            await _stopping.CancelAsync();
            await _running;
            _stopping.Dispose();
        }

        private void Run()
        {
            var random = new Random(3);
            while (!_stopping.IsCancellationRequested)
            {
                if (random.Next(2000) == 0)
                {
                    Store.Load(Store.ReadChangedAfter(0).Select(message => message with { Counts = message.Counts with { Likes = message.Counts.Likes + random.Next(2) } }).ToList(), Snapshot, 0);
                    continue;
                }

                var changes = Enumerable.Range(1, Messages).Where(_ => random.Next(4) == 0).Select(id => RandomChange(Store, random, id)).ToList();
                Store.Apply(changes, Snapshot, 0);
                Thread.SpinWait(random.Next(0, 500));
            }
        }

        public static CountChange RandomChange(CountsStore store, Random random, long messageId)
        {
            store.Read(messageId, out var counts);
            return counts is null
                ? new CountChange(messageId, 1, 2, 1)
                : random.Next(5) == 0 ? new CountChange(messageId, -counts.Value.Retweets, -counts.Value.Likes, -1) : new CountChange(messageId, random.Next(-1, 3), random.Next(3), 0);
        }
    }
}
