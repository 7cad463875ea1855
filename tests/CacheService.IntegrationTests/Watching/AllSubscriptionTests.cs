using CacheService.Counts;
using CacheService.Watching;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace CacheService.IntegrationTests.Watching;

/// <summary>A subscriber of everything that falls behind, while messages come and go.</summary>
internal sealed class AllSubscriptionTests
{
    private static readonly PgSnapshot Snapshot = PgSnapshot.Parse("10:10:");

    /// <summary>The message went before its part of the store was read, came again and went again before the rest was: the history tells of neither.</summary>
    [Test]
    public void AllSubscription_ThatReadsTheStoreWhileAMessageComesAndGoesAgain_IsToldThatItIsGone()
    {
        var (store, hub, ids) = ManyMessages();
        using var subscription = hub.Subscribe(null, null);
        var held = new HashSet<long>();
        Hold(held, subscription.Collect());
        var first = ids.MinBy(CountsTable.SegmentOf);

        store.Apply([new CountChange(first, 0, 0, -1)], Snapshot, 0);
        FallBehind(store, ids);
        foreach (var (part, number) in subscription.Collect().Select((part, number) => (part, number)))
        {
            Hold(held, [part]);
            if (number == 0)
            {
                store.Apply([new CountChange(first, 0, 0, 1)], Snapshot, 0);
                store.Apply([new CountChange(first, 0, 0, -1)], Snapshot, 0);
            }
        }

        Hold(held, subscription.Collect());
        Assert.That(held, Has.Count.EqualTo(ids.Count - 1));
        Assert.That(held, Does.Not.Contain(first));
    }

    /// <summary>A subscriber that is always overtaken is told a version that some of what it knows is ahead of. It resumes from there after that is gone.</summary>
    [Test]
    public void AllSubscription_ThatResumesBehindWhatItWasTold_IsToldWhatIsGoneOfThat()
    {
        var (store, hub, ids) = ManyMessages();
        var late = Enumerable.Range(1, 10_000).Select(n => (long)-n).First(id => CountsTable.SegmentOf(id) > CountsTable.SegmentCount * 3 / 4);
        using var overtaken = hub.Subscribe(null, null);
        var held = new HashSet<long>();
        ResumePoint? resume = null;
        var parts = 0;
        foreach (var part in overtaken.Collect())
        {
            Hold(held, [part]);
            resume = part.Version is { } version ? new ResumePoint(version.Epoch, version.Revision, version.Revision) : resume;

            // It is overtaken in its first two passes; in the midst of the third and last one there is news that this pass tells.
            if (++parts is 1 or 4)
            {
                FallBehind(store, ids);
            }
            else if (parts == 6)
            {
                store.Apply([new CountChange(late, 0, 0, 1)], Snapshot, 0);
            }
        }

        Assert.That(held, Does.Contain(late));
        Assert.That(resume?.Revision, Is.LessThan(store.Version!.Revision));

        store.Apply([new CountChange(late, 0, 0, -1)], Snapshot, 0);
        using var resumed = hub.Subscribe(null, resume);
        Hold(held, resumed.Collect());
        Assert.That(held, Is.EquivalentTo(ids));
    }

    /// <summary>They begin together, while messages change, come and go: they share the parts that they are told, and each ends with what is there.</summary>
    [Test]
    public void AllSubscriptions_ThatBeginTogether_ShareThePartsAndEndWithTheTruth()
    {
        var (store, hub, ids) = ManyMessages();
        using var first = hub.Subscribe(null, null);
        using var second = hub.Subscribe(null, null);
        var (ofFirst, ofSecond) = (new HashSet<long>(), new HashSet<long>());
        using var behind = second.Collect().GetEnumerator();
        var (shared, changes) = (0, 0);
        foreach (var part in first.Collect())
        {
            Hold(ofFirst, [part]);
            store.Apply([new CountChange(-changes - 1, 0, 0, 1), new CountChange(ids[changes], 0, 0, -1)], Snapshot, 0);
            changes++;
            if (behind.MoveNext())
            {
                shared += ReferenceEquals(part.Content, behind.Current.Content) ? 1 : 0;
                Hold(ofSecond, [behind.Current]);
            }
        }

        while (behind.MoveNext())
        {
            Hold(ofSecond, [behind.Current]);
        }

        Hold(ofFirst, first.Collect());
        Hold(ofSecond, second.Collect());
        Assert.That(shared, Is.AtLeast(3), "parts that both were told");
        Assert.That(ofFirst, Is.EquivalentTo(store.MessageIds()));
        Assert.That(ofSecond, Is.EquivalentTo(store.MessageIds()));
    }

    [Test]
    public void AllSubscriptions_InGreatNumber_AreWokenWithPauses()
    {
        var time = new FakeTimeProvider();
        var store = new CountsStore(1000);
        using var hub = new WatchHub(store, Options.Create(new SubscriptionOptions()), time);
        hub.Start();
        store.Load([new CountedMessage(1, default)], Snapshot, 0);
        var subscriptions = Enumerable.Range(0, 100).Select(_ => hub.Subscribe(null, null)).ToList();
        subscriptions.ForEach(subscription => _ = subscription.Collect().ToList());
        Assert.That(TakeSignals(), Is.EqualTo(100), "to begin with");

        store.Apply([new CountChange(1, 1, 0, 0)], Snapshot, 0);
        Assert.That(TakeSignals(), Is.EqualTo(100), "after long rest, at once");
        time.Advance(TimeSpan.FromMilliseconds(1));
        store.Apply([new CountChange(1, 1, 0, 0)], Snapshot, 0);
        store.Apply([new CountChange(1, 1, 0, 0)], Snapshot, 0);
        time.Advance(TimeSpan.FromMilliseconds(2));
        Assert.That(TakeSignals(), Is.Zero, "for a hundred it is four milliseconds");
        time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.That(TakeSignals(), Is.EqualTo(100));
        Assert.That(subscriptions.Select(subscription => subscription.Collect().Last().Content.Counts.Single().Counts.Retweets), Is.All.EqualTo(3));

        int TakeSignals() => subscriptions.Count(subscription => subscription.Signal.TryTake());
    }

    private static (CountsStore Store, WatchHub Hub, IReadOnlyList<long> Ids) ManyMessages()
    {
        long[] ids = [.. Enumerable.Range(1, 2 * WatchContent.MaxEntries).Select(id => (long)id)];
        var store = new CountsStore(1000);
        var hub = new WatchHub(store, Options.Create(new SubscriptionOptions()), TimeProvider.System);
        hub.Start();
        store.Load(ids.Select(id => new CountedMessage(id, default)), Snapshot, 0);
        return (store, hub, ids);
    }

    /// <summary>Changes so much that the history forgets it.</summary>
    private static void FallBehind(CountsStore store, IReadOnlyList<long> ids)
    {
        const int MoreThanIsRemembered = 200_000;
        for (var changes = 0; changes <= MoreThanIsRemembered; changes += ids.Count)
        {
            store.Apply([.. ids.Where(id => store.Read(id, out var counts) is not null && counts is not null).Select(id => new CountChange(id, 1, 0, 0))], Snapshot, 0);
        }
    }

    private static void Hold(HashSet<long> held, IEnumerable<WatchBatch> batches)
    {
        foreach (var batch in batches)
        {
            if (batch.IsReset)
            {
                held.Clear();
            }

            held.UnionWith(batch.Content.Counts.Select(message => message.MessageId));
            held.ExceptWith(batch.Content.Removed);
        }
    }
}
