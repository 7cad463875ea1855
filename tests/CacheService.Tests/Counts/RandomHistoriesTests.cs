using CacheService.Counts;

namespace CacheService.Tests.Counts;

/// <summary>The store against a dictionary that does the same.</summary>
internal sealed class RandomHistoriesTests
{
    private static readonly PgSnapshot Snapshot = PgSnapshot.Parse("10:10:");

    private static readonly long[] StrangeIds = [long.MinValue, long.MinValue + 1, -1, 0, 1, int.MaxValue, uint.MaxValue, long.MaxValue - 1, long.MaxValue];

    private static readonly Func<Random, long>[] Ids =
    [
        random => random.Next(1, 3000),
        random => random.Next(1, 200) << 13,
        random => random.NextInt64(1, 200) << 40,
        random => -random.Next(1, 3000),
        random => random.NextInt64(long.MinValue, long.MaxValue),
        random => StrangeIds[random.Next(StrangeIds.Length)],
    ];

    [TestCase(1)]
    [TestCase(2)]
    [TestCase(3)]
    public void Store_AfterAnyHistory_HoldsWhatADictionaryHolds(int seed)
    {
        var random = new Random(seed);
        var model = new Dictionary<long, MessageCounts>();

        // Activity on messages that do not exist, which counts once they do.
        var orphans = new Dictionary<long, (long Retweets, long Likes)>();
        var store = new CountsStore(1000);
        IReadOnlyList<long> told = [];
        store.Changed += (_, changed) => told = changed;
        Load();
        for (var step = 0; step < 2000; step++)
        {
            if (random.Next(200) == 0)
            {
                Load();
            }
            else
            {
                Apply(random.Next(40) switch { 0 => 500, 1 => 1500, _ => random.Next(10) }, deletes: step / 250 % 2 == 0 ? 2 : 8);
            }

            Assert.That(store.Version!.Messages, Is.EqualTo(model.Count));
            if (step % 50 == 0)
            {
                Compare();
            }
        }

        Compare();

        void Load()
        {
            var (before, revision) = (new Dictionary<long, MessageCounts>(model), (store.Version?.Revision ?? 0) + 1);
            foreach (var messageId in before.Keys.Where(_ => random.Next(10) == 0))
            {
                model.Remove(messageId);
            }

            for (var n = 0; n < 300; n++)
            {
                var (messageId, counts) = (NextId(), new MessageCounts(random.Next(3), random.Next(3), revision));
                model[messageId] = before.TryGetValue(messageId, out var old) && (old.Retweets, old.Likes) == (counts.Retweets, counts.Likes) ? old : counts;
            }

            orphans = Enumerable.Range(0, 20).Select(_ => NextId()).Where(messageId => !model.ContainsKey(messageId)).Distinct().ToDictionary(messageId => messageId, _ => (1L, 2L));
            var isFirst = store.Version is null;
            var load = store.BeginLoad(keepsOrphans: true);
            foreach (var (messageId, counts) in model)
            {
                load.Add(messageId, counts.Retweets, counts.Likes);
            }

            foreach (var (messageId, counts) in orphans)
            {
                load.AddOrphan(messageId, counts.Retweets, counts.Likes);
            }

            store.Load(load, Snapshot, 0);
            var differing = before.Keys.Where(messageId => !model.ContainsKey(messageId)).Concat(model.Where(entry => entry.Value.Revision == revision).Select(entry => entry.Key));
            Assert.That(told, isFirst ? Is.Empty : Is.EquivalentTo(differing));
        }

        void Apply(int count, int deletes)
        {
            var changes = new Dictionary<long, CountChange>();
            while (changes.Count < count)
            {
                var messageId = random.Next(2) == 0 && model.Count > 0 ? model.Keys.ElementAt(random.Next(model.Count))
                    : random.Next(3) == 0 && orphans.Count > 0 ? orphans.Keys.ElementAt(random.Next(orphans.Count))
                    : NextId();
                var isKnown = model.ContainsKey(messageId);
                var born = isKnown ? (random.Next(10) < deletes ? -1 : 0) : random.Next(2);
                changes[messageId] = new CountChange(messageId, random.Next(-2, 5), random.Next(5), born);
            }

            var shown = changes.Values.Where(change => !change.IsZero && (model.ContainsKey(change.MessageId) || change.Born != 0)).Select(change => change.MessageId).ToList();
            store.Apply([.. changes.Values], Snapshot, 0);
            var revision = store.Version!.Revision;
            foreach (var change in changes.Values.Where(change => !change.IsZero))
            {
                var isThere = model.Remove(change.MessageId, out var old);
                orphans.Remove(change.MessageId, out var orphan);
                var (retweets, likes) = (old.Retweets + orphan.Retweets + change.Retweets, old.Likes + orphan.Likes + change.Likes);
                if ((isThere ? 1 : 0) + change.Born == 1)
                {
                    model[change.MessageId] = new MessageCounts(retweets, likes, revision);
                }
                else
                {
                    orphans[change.MessageId] = (retweets, likes);
                }
            }

            // What is laid over the table is told in its order.
            Assert.That(told, count > 1000 ? Is.EquivalentTo(shown) : Is.EqualTo(shown));
        }

        void Compare()
        {
            var expected = model.Select(entry => new CountedMessage(entry.Key, entry.Value)).ToHashSet();
            var all = store.ReadChangedAfter(0).ToList();
            Assert.That(all, Has.Count.EqualTo(model.Count));
            Assert.That(expected.SetEquals(all));
            Assert.That(store.MessageIds().ToHashSet().SetEquals(model.Keys));

            long[] asked = [.. model.Keys, .. Enumerable.Range(0, 300).Select(_ => NextId())];
            var counts = new MessageCounts?[asked.Length];
            store.ReadMany(asked, counts);
            Assert.That(counts, Is.EqualTo(asked.Select(messageId => model.TryGetValue(messageId, out var known) ? known : (MessageCounts?)null)));

            foreach (var order in Enum.GetValues<TopOrder>())
            {
                store.ReadTop(order, 100, out var top);
                Assert.That(top, Is.EqualTo(expected.OrderByDescending(message => TopRank.ValueOf(message.Counts, order)).ThenBy(message => message.MessageId).Take(100)));
            }
        }

        long NextId() => Ids[random.Next(Ids.Length)](random);
    }
}
