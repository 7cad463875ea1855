using CacheService.Counts;

namespace CacheService.Tests.Counts;

internal sealed class CountsStoreTests
{
    private static readonly PgSnapshot First = PgSnapshot.Parse("10:10:");
    private static readonly PgSnapshot Second = PgSnapshot.Parse("20:20:");
    private static readonly DateOnly Day = new(2026, 11, 29);

    [Test]
    public void Read_BeforeTheFirstLoad_HasNoVersion()
    {
        Assert.That(new CountsStore(10).Read(1, out var counts), Is.Null);
        Assert.That(counts, Is.Null);
    }

    [Test]
    public void Apply_OfChanges_MovesCountsAndRevision()
    {
        var store = Loaded((1, 5, 6), (2, 0, 0));
        store.Apply([new CountChange(1, 1, -7, 0), new CountChange(3, 2, 2, 1), new CountChange(2, 0, 0, -1)], Second, 77);

        Assert.That(Get(store, 1), Is.EqualTo(new MessageCounts(6, -1, 2)));
        Assert.That(Get(store, 2), Is.Null);
        Assert.That(Get(store, 3), Is.EqualTo(new MessageCounts(2, 2, 2)));
        Assert.That(store.Version, Is.EqualTo(new CountsVersion(store.Version!.Epoch, 2, 2, Second, 77)));
    }

    [Test]
    public void Apply_OfNothing_KeepsTheRevisionAndRenewsTheSnapshot()
    {
        var store = Loaded((1, 5, 6));
        store.Apply([], Second, 77);
        Assert.That(store.Version, Is.EqualTo(new CountsVersion(store.Version!.Epoch, 1, 1, Second, 77)));
    }

    [Test]
    public void Apply_OfAMessageThatCameAndWent_ChangesNothing()
    {
        var store = Loaded((1, 5, 6));
        store.Apply([new CountChange(2, 0, 0, 0)], Second, 77);
        Assert.That(Get(store, 2), Is.Null);
        Assert.That(store.Version!.Messages, Is.EqualTo(1));
    }

    [Test]
    public void Apply_OfAChangeThatCameToNothing_KeepsTheMessagesRevision()
    {
        var store = Loaded((1, 5, 6));
        IReadOnlyList<long> told = [1];
        store.Changed += (_, changed) => told = changed;
        store.Apply([new CountChange(1, 0, 0, 0)], Second, 77);
        Assert.That(Get(store, 1), Is.EqualTo(new MessageCounts(5, 6, 1)));
        Assert.That(store.Version!.Revision, Is.EqualTo(1));
        Assert.That(told, Is.Empty);
    }

    [Test]
    public void Apply_OfVeryManyChanges_ShowsAllOfThemBeforeAndAfterTheTableHasTakenThemIn()
    {
        var store = Loaded([.. Enumerable.Range(1, 3000).Select(id => ((long)id, (long)id, 0L))]);
        // A third each changes, goes, and stays; and some come.
        var expected = Enumerable.Range(1, 3000).Where(id => id % 3 != 1).ToDictionary(id => (long)id, id => id % 3 == 0 ? new MessageCounts(id + 5000, 1, 2) : new MessageCounts(id, 0, 1));
        var changes = Enumerable.Range(1, 3000).Where(id => id % 3 != 2).Select(id => id % 3 == 0 ? new CountChange(id, 5000, 1, 0) : new CountChange(id, 0, 0, -1)).ToList();
        for (var id = 3001; id <= 4000; id++)
        {
            expected.Add(id, new MessageCounts(2, 3, 2));
            changes.Add(new CountChange(id, 2, 3, 1));
        }

        var looks = 0;
        store.Changed += (_, _) => Look();
        store.Apply(changes, Second, 77);
        Look();

        Assert.That(looks, Is.EqualTo(2));
        Assert.That(store.Version!.Messages, Is.EqualTo(expected.Count));

        void Look()
        {
            looks++;
            long[] asked = [.. Enumerable.Range(1, 4100).Select(id => (long)id)];
            var counts = new MessageCounts?[asked.Length];
            store.ReadMany(asked, counts);
            Assert.That(counts, Is.EqualTo(asked.Select(id => expected.TryGetValue(id, out var known) ? known : (MessageCounts?)null)));
            Assert.That(store.MessageIds(), Is.EquivalentTo(expected.Keys));
            Assert.That(store.ReadChangedAfter(1), Is.EquivalentTo(expected.Where(entry => entry.Value.Revision == 2).Select(entry => new CountedMessage(entry.Key, entry.Value))));
            store.ReadTop(TopOrder.Retweets, 10, out var top);
            Assert.That(top.Select(message => message.MessageId), Is.EqualTo(Enumerable.Range(0, 10).Select(n => 3000L - (3 * n))));
        }
    }

    [Test]
    public void Apply_OfDays_MovesThemWithTheVersion()
    {
        var store = new CountsStore(10);
        var load = store.BeginLoad();
        load.Days = DailyCounts.Empty.Add([new DayCounts(Day, 1, 0, 0, 0)]);
        store.Load(load, First, 0);
        var before = store.Version!;
        store.Apply([], Second, 77, [new DayCounts(Day, 0, 2, 0, 0), new DayCounts(Day.AddDays(1), 0, 0, 3, 4)]);

        Assert.That(store.Version!.Days!.All(), Is.EqualTo(new DayCounts[] { new(Day, 1, 2, 0, 0), new(Day.AddDays(1), 0, 0, 3, 4) }));
        Assert.That((store.Version.Revision, store.Version.Snapshot), Is.EqualTo((before.Revision + 1, Second)), "whoever knows the revision knows the days");
        Assert.That(before.Days!.All(), Is.EqualTo(new DayCounts[] { new(Day, 1, 0, 0, 0) }), "a version keeps its days");
        store.Apply([], Second, 78, []);
        Assert.That(store.Version.Revision, Is.EqualTo(before.Revision + 1));
    }

    [Test]
    public void Apply_OfDaysThatDoNotFit_AppliesNothing()
    {
        var store = new CountsStore(10);
        var load = store.BeginLoad();
        load.Add(1, 5, 6);
        load.Days = DailyCounts.Empty;
        store.Load(load, First, 0);
        Assert.That(() => store.Apply([new CountChange(1, 1, 1, 0)], Second, 77, [new DayCounts(Day, -1, 0, 0, 0)]), Throws.TypeOf<InconsistentChangeException>());
        Assert.That(Get(store, 1), Is.EqualTo(new MessageCounts(5, 6, 1)));
        Assert.That(store.Version!.Snapshot, Is.SameAs(First));
    }

    [Test]
    public void Apply_OfDaysWhereNoneAreKept_LeavesThemOut()
    {
        var store = Loaded((1, 5, 6));
        store.Apply([new CountChange(1, 1, 0, 0)], Second, 77, [new DayCounts(Day, 1, 0, 0, 0)]);
        Assert.That(store.Version!.Days, Is.Null);
    }

    [TestCase(1, 0, 1, Description = "created, but known")]
    [TestCase(2, 0, -1, Description = "deleted, but unknown")]
    [TestCase(2, 3, 0, Description = "retweeted, but unknown")]
    [TestCase(1, 0, -2, Description = "deleted twice")]
    public void Apply_OfAChangeThatDoesNotFit_AppliesNothing(long messageId, long retweets, int born)
    {
        var store = Loaded((1, 5, 6));
        Assert.That(() => store.Apply([new CountChange(1, 1, 1, 0), new CountChange(messageId, retweets, 0, born)], Second, 77), Throws.TypeOf<InconsistentChangeException>());
        Assert.That(Get(store, 1), Is.EqualTo(new MessageCounts(5, 6, 1)));
        Assert.That(store.Version!.Snapshot, Is.SameAs(First));
    }

    [Test]
    public void Load_Again_BeginsAnEpochAndForgetsTheOldMessages()
    {
        var store = Loaded((1, 5, 6));
        var epoch = store.Version!.Epoch;
        store.Load([new CountedMessage(2, default)], Second, 77);

        Assert.That(store.Version.Epoch, Is.Not.EqualTo(epoch));
        Assert.That(Get(store, 1), Is.Null);
        Assert.That(Get(store, 2), Is.EqualTo(new MessageCounts(0, 0, 2)));
        Assert.That(store.Tombstones.FindSince(1)!.Select(removed => removed.MessageId), Is.EqualTo(new[] { 1L }));
    }

    [Test]
    public void Load_Again_TellsWhatDiffersAndKeepsTheRevisionOfTheRest()
    {
        var store = Loaded((1, 5, 6), (2, 7, 8), (3, 9, 9));
        IReadOnlyList<long> told = [];
        store.Changed += (_, changed) => told = changed;
        store.Load([new CountedMessage(1, new MessageCounts(5, 6, 0)), new CountedMessage(2, new MessageCounts(0, 8, 0)), new CountedMessage(4, default)], Second, 77);

        Assert.That(told, Is.EquivalentTo(new[] { 2L, 3, 4 }));
        Assert.That(Get(store, 1), Is.EqualTo(new MessageCounts(5, 6, 1)));
        Assert.That(Get(store, 2), Is.EqualTo(new MessageCounts(0, 8, 2)));
        Assert.That(store.ReadChangedAfter(1).Select(message => message.MessageId), Is.EquivalentTo(new[] { 2L, 4 }));
    }

    [Test]
    public void Tombstones_BeyondTheirCapacity_SayWhatTheyForgot()
    {
        var tombstones = new Tombstones(2);
        tombstones.Add(1, 10);
        tombstones.Add(2, 11);
        Assert.That(tombstones.FindSince(9), Is.EqualTo(new RemovedMessage[] { new(1, 10), new(2, 11) }));
        tombstones.Add(3, 12);
        Assert.That(tombstones.FindSince(9), Is.Null);
        Assert.That(tombstones.FindSince(10), Is.EqualTo(new RemovedMessage[] { new(2, 11), new(3, 12) }));
        Assert.That(tombstones.HasSince(1, 0), Is.False);
    }

    [Test]
    public void Tombstones_OfAMessageThatWentTwice_AreBothKnown()
    {
        var tombstones = new Tombstones(2);
        tombstones.Add(1, 10);
        tombstones.Add(1, 12);
        Assert.That(tombstones.FindSince(9), Is.EqualTo(new RemovedMessage[] { new(1, 10), new(1, 12) }));
        tombstones.Add(2, 13);
        Assert.That(tombstones.HasSince(1, 11), "the later one is not forgotten with the earlier one");
    }

    [Test]
    public async Task ReadMany_WhileDrainsAreApplied_SeesAllOfADrainOrNothing()
    {
        const int Messages = 50;
        var ids = Enumerable.Range(1, Messages).Select(id => (long)id).ToArray();
        var store = Loaded([.. ids.Select(id => (id, 0L, 0L))]);
        var up = ids.Select(id => new CountChange(id, 1, 0, 0)).ToArray();

        using var writing = new CancellationTokenSource();
        var writer = Task.Run(() =>
        {
            while (!writing.IsCancellationRequested)
            {
                store.Apply(up, Second, 0);
            }
        });
        await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => Task.Run(() =>
        {
            var counts = new MessageCounts?[Messages];
            ulong last = 0;
            var seen = 0;
            for (var n = 0; n < 20_000 || (seen <= 100 && !writer.IsCompleted); n++)
            {
                var version = store.ReadMany(ids, counts)!;
                Assert.That(counts.Distinct().Count(), Is.EqualTo(1), "a torn read");
                Assert.That(counts[0]!.Value.Revision, Is.EqualTo(version.Revision), "counts of another version");
                Assert.That(version.Revision, Is.GreaterThanOrEqualTo(last), "a step back");
                seen += version.Revision > last ? 1 : 0;
                last = version.Revision;
            }

            Assert.That(seen, Is.GreaterThan(100), "the reads met the writes");
        })));
        await writing.CancelAsync();
        await writer;
    }

    [Test]
    public void ReadTop_OfMoreThanTheLimit_KeepsTheHighest()
    {
        var random = new Random(1);
        var messages = Enumerable.Range(1, 1000).Select(id => ((long)id, (long)random.Next(-50, 50), (long)random.Next(-50, 50))).ToArray();
        var store = Loaded(messages);

        store.ReadTop(TopOrder.Total, 25, out var top);

        var expected = messages.OrderByDescending(message => message.Item2 + message.Item3).ThenBy(message => message.Item1).Take(25).Select(message => message.Item1);
        Assert.That(top.Select(message => message.MessageId), Is.EqualTo(expected));
    }

    [Test]
    public void ReadTop_OfSumsBeyondTheRangeOfCounts_RanksThemAll()
    {
        var store = Loaded((-5, long.MaxValue, long.MaxValue), (long.MinValue, long.MaxValue, 0), (long.MaxValue, long.MaxValue, 0), (7, long.MinValue, long.MinValue));

        store.ReadTop(TopOrder.Total, 10, out var top);

        Assert.That(top.Select(message => message.MessageId), Is.EqualTo(new[] { -5, long.MinValue, long.MaxValue, 7 }));
    }

    [Test]
    public void Load_OfAMessageTwice_IsRefused() =>
        Assert.That(() => Loaded((1, 5, 6), (1, 5, 6)), Throws.TypeOf<DuplicateMessageException>());

    private static CountsStore Loaded(params (long Id, long Retweets, long Likes)[] messages)
    {
        var store = new CountsStore(10);
        store.Load(messages.Select(message => new CountedMessage(message.Id, new MessageCounts(message.Retweets, message.Likes, 0))), First, 0);
        return store;
    }

    private static MessageCounts? Get(CountsStore store, long messageId)
    {
        store.Read(messageId, out var counts);
        return counts;
    }
}
