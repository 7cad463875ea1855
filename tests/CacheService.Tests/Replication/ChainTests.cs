using CacheService.Counts;
using CacheService.Replication;
using TweetCounts.V1;
using DailyCounts = CacheService.Counts.DailyCounts;

namespace CacheService.Tests.Replication;

/// <summary>What a publisher's drains lead to at a follower: the same, whatever they are, however they are split.</summary>
internal sealed class ChainTests
{
    private const string Name = "chain";

    private CountsStore _followed = null!;
    private Chain _chain = null!;
    private ulong _sequence;

    [SetUp]
    public void Begin()
    {
        _followed = new CountsStore(10);
        var table = new CountsTable();
        table.Set(1, new MessageCounts(5, 6, 7));
        table.Set(2, new MessageCounts(0, 0, 7));
        _followed.Restore(table, new Tombstones(10), new CountsVersion(Name, 7, 2, PgSnapshot.Parse("10:10:"), 100) { Days = DailyCounts.Empty });
        _chain = new Chain(_followed, new CheckpointHeader { Chain = Name, Number = 3, Sequence = 50, LogIdentity = "log", Snapshot = "10:10:" });
        _sequence = 50;
    }

    [Test]
    public void Frames_OfRandomDrains_LeadToTheStateOfThePublisher([Values(1, 2, 1000)] int messagesPerPart)
    {
        var random = new Random(1952);
        var publisher = new CountsStore(10);
        publisher.Load([new(1, new MessageCounts(5, 6, 1)), new(2, new MessageCounts(0, 0, 1))], PgSnapshot.Parse("10:10:"), 1);
        using var drains = new RecentDrains(publisher);
        publisher.Load([new(1, new MessageCounts(5, 6, 1)), new(2, new MessageCounts(0, 0, 1))], PgSnapshot.Parse("10:10:"), 1);
        var published = drains.Latest!;
        var (number, revision) = (3ul, 7ul);
        for (var n = 0; n < 500; n++)
        {
            var changes = Enumerable.Range(1, 8).Where(_ => random.Next(3) == 0).Select(id =>
            {
                publisher.Read(id, out var before);
                return before is null ? new CountChange(id, random.Next(3), random.Next(3), 1)
                    : random.Next(4) == 0 ? new CountChange(id, -before.Value.Retweets, -before.Value.Likes, -1)
                    : new CountChange(id, random.Next(3), -1, 0);
            }).ToList();
            publisher.Apply(changes, PgSnapshot.Parse($"{n + 20}:{n + 20}:"), n + 2);
            if (random.Next(3) == 0)
            {
                // Several drains in one frame.
                continue;
            }

            var sum = drains.Since(published)!;
            var before = published;
            published = sum.Latest;
            revision += sum.IsEmpty ? 0ul : 1ul;
            var header = new Frame { Chain = Name, Number = ++number, SnapshotBefore = before.Version.Snapshot.ToString(), Snapshot = published.Version.Snapshot.ToString(), Revision = revision };
            var parts = CacheService.Replication.Frames.Write(header, sum, messagesPerPart);
            if (parts.Count > 1 && random.Next(4) == 0)
            {
                // A publisher that dies in between, and another one that begins the frame again.
                Assert.That(Take(parts[0]), Is.False);
            }

            Assert.That(parts.Select(Take), Is.EqualTo(parts.Select((_, index) => index == parts.Count - 1)));
            Assert.That(All(_followed), Is.EqualTo(All(publisher)));
            Assert.That((_followed.Version!.Revision, _followed.Version.Messages, _followed.Version.Snapshot.ToString()), Is.EqualTo((revision, publisher.Version!.Messages, header.Snapshot)));
            Assert.That(_followed.Version.TakenAt, Is.EqualTo(100), "a frame proves no age");
        }
    }

    [Test]
    public void Frame_SentTwiceOver_ChangesNothingButTheRevision()
    {
        Take(Frame(4, 8, (1, 6)));
        Take(Frame(5, 9, (1, 6)));
        _followed.Read(1, out var counts);
        Assert.That(counts, Is.EqualTo(new MessageCounts(6, 0, 8)), "its own revision is that of its last change");
        Assert.That(_followed.Version!.Revision, Is.EqualTo(9));
    }

    [Test]
    public void Frame_AfterAGap_EndsTheChain() => Assert.Throws<ChainEndedException>(() => Take(Frame(5, 8, (1, 6))));

    [Test]
    public void Frame_AfterAnotherOneOfTheSameNumber_EndsTheChain()
    {
        // A stream that was put back, and went on.
        var frame = Frame(4, 8, (1, 6));
        frame.SnapshotBefore = "9:9:";
        Assert.Throws<ChainEndedException>(() => Take(frame));
    }

    [Test]
    public void Frame_ThatCannotBeApplied_EndsTheChain()
    {
        var frame = Frame(4, 8, (1, 6));
        frame.Counts.Likes.Clear();
        Assert.Throws<ChainEndedException>(() => Take(frame));
    }

    [Test]
    public void Frame_OfAllDays_EndsThoseThatItLacks()
    {
        var frame = Frame(4, 8);
        frame.Days.Add(new TweetCounts.V1.DailyCounts { Day = "2026-11-28", Likes = 3 });
        Take(frame);
        frame = Frame(5, 9);
        frame.Days.Add(new TweetCounts.V1.DailyCounts { Day = "2026-11-29", Likes = 4 });
        frame.HasAllDays = true;
        Take(frame);
        Assert.That(_followed.Version!.Days!.All(), Is.EqualTo(new[] { new DayCounts(new DateOnly(2026, 11, 29), 0, 0, 4, 0) }));
    }

    [Test]
    public void Frame_OfAnotherChain_EndsTheChain()
    {
        var frame = Frame(4, 8, (1, 6));
        frame.Chain = "another";
        Assert.Throws<ChainEndedException>(() => Take(frame));
    }

    [Test]
    public void Prove_MovesAgeAndSnapshotForwardOnly()
    {
        _chain.Prove(200, PgSnapshot.Parse("12:12:"));
        Assert.That((_followed.Version!.TakenAt, _followed.Version.Snapshot.ToString()), Is.EqualTo((200L, "12:12:")));
        _chain.Prove(150, PgSnapshot.Parse("11:11:"));
        Assert.That((_followed.Version!.TakenAt, _followed.Version.Snapshot.ToString()), Is.EqualTo((200L, "12:12:")));
    }

    private bool Take(Frame part) => _chain.Take(++_sequence, part);

    private static Frame Frame(ulong number, ulong revision, params (long Id, long Retweets)[] messages)
    {
        var frame = new Frame { Chain = Name, Number = number, Parts = 1, SnapshotBefore = number == 4 ? "10:10:" : "20:20:", Snapshot = "20:20:", Revision = revision, Counts = new CountColumns() };
        foreach (var (id, retweets) in messages)
        {
            frame.Counts.MessageIds.Add(id);
            frame.Counts.Retweets.Add(retweets);
            frame.Counts.Likes.Add(0);
        }

        return frame;
    }

    private static List<(long Id, long Retweets, long Likes)> All(CountsStore store) =>
        [.. store.ReadChangedAfter(0).Select(message => (message.MessageId, message.Counts.Retweets, message.Counts.Likes)).Order()];
}
