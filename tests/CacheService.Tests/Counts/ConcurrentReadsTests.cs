using System.Collections.Concurrent;
using CacheService.Counts;

namespace CacheService.Tests.Counts;

/// <summary>Readers, while the table grows, shrinks and is replaced.</summary>
internal sealed class ConcurrentReadsTests
{
    private static readonly PgSnapshot Snapshot = PgSnapshot.Parse("10:10:");

    /// <summary>Ids that share segments, so that writes move each other's entries about.</summary>
    private const int Pairs = 5000;

    [Test]
    public async Task Reads_WhileTheTableGrowsAndShrinks_SeeAllOfADrainOrNothing()
    {
        // Each drain treats a message and its twin alike.
        var store = new CountsStore(10);
        store.Load([], Snapshot, 0);
        using var writing = new CancellationTokenSource();
        var drains = 0;
        var writer = Task.Run(() =>
        {
            var random = new Random(1);
            var known = new HashSet<long>();
            while (!writing.IsCancellationRequested)
            {
                var grows = drains++ / 100 % 2 == 0;
                // Some large enough to be laid over the table.
                var ids = Enumerable.Range(0, random.Next(10) == 0 ? 2000 : 100).Select(_ => (long)random.Next(1, Pairs)).ToHashSet();
                var changes = new List<CountChange>();
                foreach (var id in ids)
                {
                    var born = !known.Contains(id) ? 1 : grows ? 0 : -1;
                    _ = born > 0 ? known.Add(id) : born < 0 && known.Remove(id);
                    changes.Add(new CountChange(id, 1, 2, born));
                    changes.Add(new CountChange(-id, 1, 2, born));
                }

                store.Apply(changes, Snapshot, 0);
                if (random.Next(50) == 0)
                {
                    store.Load(store.ReadChangedAfter(0).ToList(), Snapshot, 0);
                }
            }
        });

        var found = 0;
        await Task.WhenAll(Enumerable.Range(2, 2).Select(seed => Task.Run(() =>
        {
            var random = new Random(seed);
            var counts = new MessageCounts?[200];
            for (var n = 0; n < 5000; n++)
            {
                var some = Enumerable.Range(0, 100).Select(_ => (long)random.Next(1, Pairs)).ToArray();
                store.ReadMany([.. some, .. some.Select(id => -id)], counts);
                var (messages, twins) = (counts[..100], counts[100..]);
                Assert.That(messages, Is.EqualTo(twins), "half a drain");
                Interlocked.Add(ref found, counts.Count(found => found is not null));
            }
        })));
        await writing.CancelAsync();
        await writer;
        Assert.That(found, Is.GreaterThan(1000));
        Assert.That(drains, Is.GreaterThan(200), "the reads met the writes");
    }

    [Test]
    public async Task ReadTop_WhileDrainsAndLoadsGoOn_IsTheTopOfTheVersionThatItNames()
    {
        const int Messages = 2000;
        const int Limit = 20;
        var store = new CountsStore(10);
        store.Load(Enumerable.Range(1, Messages).Select(id => new CountedMessage(id, default)), Snapshot, 0);
        var truths = new ConcurrentDictionary<ulong, CountedMessage[]>();
        store.Changed += (version, _) => truths[version.Revision] =
            [.. store.ReadChangedAfter(0).OrderByDescending(message => message.Counts.Likes).ThenBy(message => message.MessageId).Take(Limit)];

        using var reading = new CancellationTokenSource();
        var reader = Task.Run(() =>
        {
            var tops = new Dictionary<ulong, IReadOnlyList<CountedMessage>>();
            while (!reading.IsCancellationRequested)
            {
                var version = store.ReadTop(TopOrder.Likes, Limit, out var top)!;
                tops[version.Revision] = top;
            }

            return tops;
        });

        var random = new Random(5);
        var alive = Enumerable.Range(1, Messages).Select(id => (long)id).ToHashSet();
        for (var n = 0; n < 3000; n++)
        {
            // Now and then the highest fall or go, and others must take their places.
            var fallen = random.Next(10) == 0 ? truths.GetValueOrDefault(store.Version!.Revision, []).Select(message => message.MessageId).ToHashSet() : [];
            var changes = fallen.Where(alive.Contains).Select(id => new CountChange(id, 0, -1000, random.Next(4) == 0 ? -1 : 0)).ToList();
            changes.AddRange(Enumerable.Range(0, random.Next(50) == 0 ? 3000 : 30).Select(_ => (long)random.Next(1, Messages + 1)).Distinct().Where(id => !fallen.Contains(id))
                .Select(id => new CountChange(id, 0, random.Next(-20, 40), alive.Contains(id) ? 0 : 1)));
            foreach (var change in changes)
            {
                _ = change.Born > 0 ? alive.Add(change.MessageId) : change.Born < 0 && alive.Remove(change.MessageId);
            }

            store.Apply(changes, Snapshot, 0);
            if (random.Next(300) == 0)
            {
                store.Load(store.ReadChangedAfter(0).Select(message => message with { Counts = message.Counts with { Likes = -message.Counts.Likes } }).ToList(), Snapshot, 0);
            }
        }

        await reading.CancelAsync();
        var tops = await reader;
        var compared = 0;
        foreach (var (revision, top) in tops.Where(top => truths.ContainsKey(top.Key)))
        {
            Assert.That(top, Is.EqualTo(truths[revision]), $"at revision {revision}");
            compared++;
        }

        Assert.That(compared, Is.GreaterThan(20), "the scans met the writes");
    }
}
