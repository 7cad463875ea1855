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
        _chain = NewChain();
        _followed = _chain.Store;
        _sequence = 50;
    }

    [Test]
    public void Frames_OfRandomDrains_LeadToTheStateOfThePublisher([Values(1, 2, 1000)] int entriesPerPart)
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
            var parts = CacheService.Replication.Frames.Write(header, sum, entriesPerPart);
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
    public void Frame_OfMoreDaysThanAPartHolds_IsSplit()
    {
        const int EntriesPerPart = 3;
        var stale = Frame(4, 8);
        stale.Days.Add(new TweetCounts.V1.DailyCounts { Day = "2026-11-28", Likes = 3 });
        Take(stale);
        var version = new CountsVersion("", 1, 2, PgSnapshot.Parse("20:20:"), 1);
        var sum = new DrainSum(new DrainMark(1, version)) { HasAllDays = true, Counts = { [1] = new MessageCounts(7, 8, 9), [2] = null } };
        for (var day = new DateOnly(2025, 1, 1); sum.Days.Count < 10; day = day.AddDays(1))
        {
            sum.Days[day] = new DayCounts(day, sum.Days.Count + 1, 0, 0, 0);
        }

        var parts = CacheService.Replication.Frames.Write(Frame(5, 9), sum, EntriesPerPart);
        Assert.That(parts.Select(part => (part.Counts?.MessageIds.Count ?? 0) + part.Removed.Count + part.Days.Count), Is.EqualTo(new[] { 2, 3, 3, 3, 1 }), "days begin a part");
        Assert.That(parts.Select(Take), Is.EqualTo(new[] { false, false, false, false, true }));
        Assert.That(_followed.Version!.Days!.All(), Is.EqualTo(sum.Days.Values), "the day of before is over");
        Assert.That(All(_followed), Is.EqualTo(new[] { (1L, 7L, 8L) }));
    }

    [Test]
    public void Frame_OfTheLargestEntries_FitsIntoHalfAPayload([Values(4096, 1024 * 1024)] int maxPayload)
    {
        var entries = CacheService.Replication.Frames.EntriesPerPart(maxPayload);
        var sum = new DrainSum(new DrainMark(1, new CountsVersion("", 1, 2, PgSnapshot.Parse("20:20:"), 1)));
        for (var n = 0; n < entries; n++)
        {
            if (n % 2 == 0)
            {
                sum.Counts[long.MinValue + n] = new MessageCounts(long.MinValue, long.MinValue, 0);
            }
            else
            {
                var day = new DateOnly(2026, 1, 1).AddDays(n);
                sum.Days[day] = new DayCounts(day, long.MinValue, long.MinValue, long.MinValue, long.MinValue);
            }
        }

        var parts = CacheService.Replication.Frames.Write(new Frame(), sum, entries);
        Assert.That(parts, Has.Count.EqualTo(1));
        Assert.That(parts[0].CalculateSize(), Is.LessThanOrEqualTo(maxPayload / 2));
    }

    [Test]
    public void Frame_OfAnotherChain_EndsTheChain()
    {
        var frame = Frame(4, 8, (1, 6));
        frame.Chain = "another";
        Assert.Throws<ChainEndedException>(() => Take(frame));
    }

    [Test]
    public void HandedOut_IsPassedOverWhereTheStreamBringsIt()
    {
        var (four, five, six) = (Frame(4, 8, (1, 6)), Frame(5, 9, (1, 7)), Frame(6, 10, (2, 1)));
        _chain.TakeHandedOut([four, five]);
        Assert.That((_chain.Number, _chain.IsAhead, Retweets(1)), Is.EqualTo((5ul, true, 7L)));
        Take(four);
        Assert.That((_chain.Number, _chain.IsAhead, Retweets(1)), Is.EqualTo((5ul, true, 7L)), "nothing goes back");
        Take(five);
        Assert.That(_chain.IsAhead, Is.False);
        Take(six);
        Assert.That((_chain.Number, Retweets(2), _followed.Version!.Revision), Is.EqualTo((6ul, 1L, 10ul)));
    }

    [Test]
    public void HandedOut_ThatDoesNotFollow_IsLeftToTheStream()
    {
        var incomplete = Frame(4, 8, (1, 6));
        incomplete.Parts = 2;
        var elsewhere = Frame(4, 8, (1, 6));
        elsewhere.SnapshotBefore = "9:9:";
        _chain.TakeHandedOut([incomplete]);
        _chain.TakeHandedOut([elsewhere]);
        _chain.TakeHandedOut([Frame(5, 9, (1, 6))]);
        Assert.That(_chain.Number, Is.EqualTo(3));
    }

    [Test]
    public void HandedOut_ByOneThatAnotherHasTakenOverFrom_IsPassedOver()
    {
        var frame = Frame(4, 8 + 256, (1, 6));
        frame.Tenure = 1;
        Take(frame);
        _chain.TakeHandedOut([Frame(5, 9, (1, 7))]);
        Assert.That((_chain.Number, Retweets(1)), Is.EqualTo((4ul, 6L)));
    }

    [Test]
    public void HandedOut_OfALaterTenure_IsLeftToTheStream_WhereWhatIsHereMayNotBeAPartOfItsHistory()
    {
        _chain.TakeHandedOut([Frame(4, 8, (1, 6))]);
        var frame = Frame(5, 9 + 256, (1, 7));
        frame.Tenure = 1;
        _chain.TakeHandedOut([frame]);
        Assert.That((_chain.Number, _chain.Tenure, Retweets(1)), Is.EqualTo((4ul, 0ul, 6L)));
        Take(Frame(4, 8, (1, 6)));
        _chain.TakeHandedOut([frame]);
        Assert.That((_chain.Number, _chain.Tenure, Retweets(1)), Is.EqualTo((5ul, 1ul, 7L)), "the stream has it by now");
    }

    [Test]
    public void Frame_OfALowerRevision_EndsTheChain() => Assert.Throws<ChainEndedException>(() => Take(Frame(4, 6, (1, 6))));

    [Test]
    public void TakeOver_OfAnEarlierStateThanWhatWasHandedOut_EndsTheChain()
    {
        var frame = Frame(4, 8, (1, 6));
        _chain.TakeHandedOut([frame]);
        var takeOver = Frame(4, 8 + 256, (1, 5));
        (takeOver.Tenure, takeOver.Snapshot) = (1, "15:15:");
        Assert.Throws<ChainEndedException>(() => Take(takeOver));
    }

    [Test]
    public void TakeOver_OfTheSameNumber_LeadsToItsOwnState()
    {
        var (four, five) = (Frame(4, 300, (1, 6)), Frame(5, 301, (1, 7), (2, 1)));
        _chain.TakeHandedOut([four, five]);
        var other = Frame(4, 400, (1, 8), (2, 0));
        (other.Tenure, other.Snapshot) = (1, "30:30:");
        Take(other);
        Assert.That((_chain.Number, _chain.IsAhead, Retweets(1), Retweets(2), _followed.Version!.Revision), Is.EqualTo((4ul, false, 8L, 0L, 400ul)));
    }

    [Test]
    public void TakeOver_WithARevisionThatIsKnownAlready_EndsTheChain()
    {
        // After the stream has lost the first frame of a tenure, another one begins with the same number and revision.
        var (one, another) = (Frame(4, 300, (1, 6)), Frame(4, 300, (2, 6)));
        (one.Tenure, another.Tenure, another.Snapshot) = (1, 2, "30:30:");
        _chain.TakeHandedOut([one]);
        Assert.Throws<ChainEndedException>(() => Take(another));
    }

    [Test]
    public void Sequence_InTheMiddleOfAFrame_IsThatOfTheLastWholeOne()
    {
        var (first, second) = (Frame(4, 8, (1, 6)), Frame(4, 8, (2, 6)));
        (first.Parts, second.Parts, second.Part) = (2, 2, 1);
        Assert.That(_chain.Take(51, first), Is.False);
        Assert.That(_chain.Sequence, Is.EqualTo(50), "a checkpoint that is written now begins before the frame");
        Assert.That(_chain.Take(51, first), Is.False, "which is passed over here");
        Assert.That(_chain.Take(52, second), Is.True);
        Assert.That((_chain.Sequence, Retweets(1), Retweets(2)), Is.EqualTo((52ul, 6L, 6L)));
    }

    [Test]
    public void Parts_FromBeforeWhatIsHere_ArePassedOver()
    {
        Assert.That(_chain.Take(50, Frame(3, 7, (1, 9))), Is.False);
        Take(Frame(4, 8, (1, 6)));
        Assert.That(Retweets(1), Is.EqualTo(6));
    }

    [Test]
    public void TakeOver_GivesItsRevisionToAllThatItHas()
    {
        var frame = Frame(4, 8 + 256, (1, 5), (2, 0));
        frame.Counts.Likes[0] = 6;
        frame.Removed.Add(3);
        frame.Tenure = 1;
        Take(frame);
        Assert.That(_followed.ReadChangedAfter(8).Select(message => (message.MessageId, message.Counts.Retweets)).Order(), Is.EqualTo(new[] { (1L, 5L), (2L, 0L) }));
        Assert.That(_followed.Tombstones.HasSince(3, 8), "it was here for whoever was handed it");
    }

    /// <summary>Two followers, one of which is handed frames, of which the stream gets some, and another tenure contradicts others; and a watcher who moves between them.</summary>
    [Test]
    public void Frames_HandedOutAndTakenOverAtRandom_LeadToOneState()
    {
        const int Room = 10_000;
        var random = new Random(1953);
        var publisher = new CountsStore(Room);
        using var drains = new RecentDrains(publisher);
        publisher.Load([new(1, new MessageCounts(5, 6, 1)), new(2, new MessageCounts(0, 0, 1))], PgSnapshot.Parse("10:10:"), 1);
        var states = new Dictionary<string, List<(long, long, long)>> { ["10:10:"] = All(publisher) };
        var (stream, waiting) = (new List<Frame>(), new List<Frame>());
        var start = new Frame { Chain = Name, Number = 3, Revision = 7, Snapshot = "10:10:" };
        var (made, taken) = ((Frame: start, Mark: drains.Latest!), (Frame: start, Mark: drains.Latest!));
        Chain ahead = NewChain(), behind = NewChain();
        var (known, token) = (All(ahead.Store).ToDictionary(one => one.Id, one => (one.Retweets, one.Likes)), 7ul);
        var (contradicted, moves) = (0, 0);
        for (var n = 20; n < 3000; n++)
        {
            var changes = Enumerable.Range(1, 8).Where(_ => random.Next(3) == 0).Select(id =>
            {
                publisher.Read(id, out var before);
                return before is null ? new CountChange(id, random.Next(2), random.Next(2), 1)
                    : random.Next(4) == 0 ? new CountChange(id, -before.Value.Retweets, -before.Value.Likes, -1)
                    : new CountChange(id, random.Next(3) - 1, random.Next(3) - 1, 0);
            }).ToList();
            publisher.Apply(changes, PgSnapshot.Parse($"{n}:{n}:"), n);
            states[$"{n}:{n}:"] = All(publisher);
            switch (random.Next(6))
            {
                case 0:
                    waiting.Clear();
                    made = Make(taken, isTakeOver: true);
                    stream.Add(made.Frame);
                    taken = made;
                    break;
                case 1:
                    stream.AddRange(waiting);
                    waiting.Clear();
                    taken = made;
                    break;
                default:
                    made = Make(made, isTakeOver: false);
                    waiting.Add(made.Frame);
                    break;
            }

            if (random.Next(2) == 0)
            {
                ahead.TakeHandedOut([.. stream.TakeLast(3), .. waiting]);
            }

            if (random.Next(4) == 0)
            {
                contradicted += ahead.IsAhead && stream.Count > 0 && stream[^1].Tenure > ahead.Tenure ? 1 : 0;
                Read(ahead);
            }

            if (random.Next(4) == 0)
            {
                Read(behind);
            }

            Assert.That(All(ahead.Store), Is.EqualTo(states[ahead.Snapshot]));
            Assert.That(All(behind.Store), Is.EqualTo(states[behind.Snapshot]));

            // Resumes at either of the two, or follows it further: it makes no difference.
            var at = random.Next(2) == 0 ? ahead.Store : behind.Store;
            if (at.Version!.Revision >= token)
            {
                moves++;
                foreach (var gone in at.Tombstones.FindSince(token)!)
                {
                    known.Remove(gone.MessageId);
                }

                foreach (var message in at.ReadChangedAfter(token))
                {
                    known[message.MessageId] = (message.Counts.Retweets, message.Counts.Likes);
                }

                token = at.Version.Revision;
                Assert.That(known.Select(one => (one.Key, one.Value.Retweets, one.Value.Likes)).Order(), Is.EqualTo(All(at)));
            }
        }

        Assert.That(contradicted, Is.GreaterThan(20), "take-overs contradicted what was handed out");
        Assert.That(moves, Is.GreaterThan(1000));

        (Frame Frame, DrainMark Mark) Make((Frame Frame, DrainMark Mark) after, bool isTakeOver)
        {
            var sum = drains.Since(after.Mark)!;
            var header = new Frame
            {
                Chain = Name,
                Tenure = after.Frame.Tenure + (isTakeOver ? 1ul : 0),
                Number = after.Frame.Number + 1,
                Revision = after.Frame.Revision + 1 + (isTakeOver ? (ulong)Outbox.MostWaiting : 0),
                SnapshotBefore = after.Frame.Snapshot,
                Snapshot = sum.Version.Snapshot.ToString(),
            };
            return (CacheService.Replication.Frames.Write(header, sum, Room).Single(), sum.Latest);
        }

        void Read(Chain chain)
        {
            foreach (var (index, frame) in stream.Index().Skip((int)chain.Sequence - 50))
            {
                chain.Take((ulong)index + 51, frame);
            }
        }
    }

    [Test]
    public void Prove_MovesAgeAndSnapshotForwardOnly()
    {
        _chain.Prove(200, PgSnapshot.Parse("12:12:"));
        Assert.That((_followed.Version!.TakenAt, _followed.Version.Snapshot.ToString()), Is.EqualTo((200L, "12:12:")));
        _chain.Prove(150, PgSnapshot.Parse("11:11:"));
        Assert.That((_followed.Version!.TakenAt, _followed.Version.Snapshot.ToString()), Is.EqualTo((200L, "12:12:")));
    }

    private static Chain NewChain()
    {
        const int MostTombstones = 10_000;
        var (store, table) = (new CountsStore(MostTombstones), new CountsTable());
        table.Set(1, new MessageCounts(5, 6, 7));
        table.Set(2, new MessageCounts(0, 0, 7));
        store.Restore(table, new Tombstones(MostTombstones), new CountsVersion(Name, 7, 2, PgSnapshot.Parse("10:10:"), 100) { Days = DailyCounts.Empty });
        return new Chain(store, new CheckpointHeader { Chain = Name, Number = 3, Sequence = 50, LogIdentity = "log", Snapshot = "10:10:" });
    }

    private long Retweets(long messageId)
    {
        _followed.Read(messageId, out var counts);
        return counts!.Value.Retweets;
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
