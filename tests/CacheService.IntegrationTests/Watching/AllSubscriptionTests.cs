using CacheService.Counts;
using CacheService.Watching;
using Microsoft.Extensions.Options;

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
            resume = part.Version is { } version ? new ResumePoint(version.Epoch, version.Revision) : resume;

            // It is overtaken twice; in the midst of the third and last pass there is news that this pass tells.
            if (++parts <= 3)
            {
                FallBehind(store, ids);
            }
            else if (parts == 5)
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

    private static (CountsStore Store, WatchHub Hub, IReadOnlyList<long> Ids) ManyMessages()
    {
        long[] ids = [.. Enumerable.Range(1, 2 * WatchBatch.MaxEntries).Select(id => (long)id)];
        var store = new CountsStore(1000);
        var hub = new WatchHub(store, Options.Create(new SubscriptionOptions()));
        hub.Start();
        store.Load(ids.Select(id => new CountedMessage(id, default)), Snapshot, 0);
        return (store, hub, ids);
    }

    /// <summary>Changes so much that the history forgets it.</summary>
    private static void FallBehind(CountsStore store, IReadOnlyList<long> ids)
    {
        for (var n = 0; n < 3; n++)
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

            held.UnionWith(batch.Counts.Select(message => message.MessageId));
            held.ExceptWith(batch.Removed);
        }
    }
}
