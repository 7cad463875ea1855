using CacheService.Client;
using CacheService.Client.Watching;
using TweetCounts.V1;

namespace CacheService.Tests.Client;

public sealed class WatchProgressTests
{
    private WatchProgress _progress = null!;

    [SetUp]
    public void Begin()
    {
        _progress = new WatchProgress();
        _progress.Begin();
    }

    [Test]
    public void Resume_BeforeSynced_IsNowhere()
    {
        Apply(Message("a", 5, reset: true));
        Assert.That(_progress.Resume, Is.Null);

        Apply(Message("a", 5, synced: true));
        Assert.That(_progress.Resume, Is.EqualTo(new ResumePoint("a", 5)));
    }

    [Test]
    public void Resume_AfterSynced_IsTheLastMessage()
    {
        Apply(Message("a", 5, reset: true, synced: true));
        Apply(Message("a", 7));
        Assert.That(_progress.Resume, Is.EqualTo(new ResumePoint("a", 7)));

        Apply(Message("b", 1));
        Assert.That(_progress.Resume, Is.EqualTo(new ResumePoint("b", 1)));
    }

    [Test]
    public void Resume_NextConnectionBeforeSynced_IsStillTheOldPoint()
    {
        Apply(Message("a", 5, reset: true, synced: true));
        _progress.Begin();
        Apply(Message("a", 9));
        Assert.That(_progress.Resume, Is.EqualTo(new ResumePoint("a", 5)));

        Apply(Message("a", 9, reset: true));
        Assert.That(_progress.Resume, Is.Null, "what was held has been forgotten");
    }

    [Test]
    public void Resume_MessageWithoutFreshness_IsStillTheOldPoint()
    {
        Apply(Message("a", 5, reset: true, synced: true));
        Assert.That(Apply(new WatchCountsResponse()).Single(), Is.InstanceOf<WatchUpdate.Heartbeat>());
        Assert.That(_progress.Resume, Is.EqualTo(new ResumePoint("a", 5)));
    }

    [Test]
    public void Changes_ToldBeforeAConnectionWasCutOff_AreNotToldAgain()
    {
        Apply(Message("a", 5, reset: true, synced: true));
        Assert.That(Told(Part(("a", 5), [(1, 7), (2, 8)], [3])), Is.EqualTo(("1@7 2@8", "3")), "a part, which raises no revision");

        _progress.Begin();
        Assert.That(_progress.Resume, Is.EqualTo(new ResumePoint("a", 5)));
        Assert.That(Told(Part(("a", 5), [(1, 7), (2, 9), (4, 6)], [3, 5])), Is.EqualTo(("2@9 4@6", "5")));
        Apply(Message("a", 9, synced: true));
        Assert.That(Told(Part(("a", 10), [(1, 10)], [3])), Is.EqualTo(("1@10", "3")), "what came after");
    }

    /// <summary>By a server that does not know of what has been seen: where another was cut off, this one is behind.</summary>
    [Test]
    public void Changes_OlderThanWhatWasToldBeforeAConnectionWasCutOff_AreNotTold()
    {
        Apply(Message("a", 100, reset: true, synced: true));
        Apply(Part(("a", 100), [(1, 115), (2, 115), (3, 111)], []));

        _progress.Begin();
        Apply(Message("a", 110, synced: true));
        Assert.That(Told(Part(("a", 113), [(1, 113), (4, 112)], [2, 3])), Is.EqualTo(("4@112", "3")));
        Assert.That(Told(Part(("a", 114), [(1, 114), (3, 114)], [])), Is.EqualTo(("3@114", "")));
        Assert.That(Told(Part(("a", 116), [(1, 115), (2, 116)], [])), Is.EqualTo(("2@116", "")));
        Assert.That(Told(Part(("a", 117), [(1, 117)], [2])), Is.EqualTo(("1@117", "2")));
    }

    [Test]
    public void Request_OfTheNextConnection_SaysWhatWasSeen()
    {
        Assert.That(Continued(), Is.EqualTo(("", 0UL, (WatchPoint?)null)));

        Apply(Part(("", 0), [(1, 4)], [], seen: ("a", 5)));
        Assert.That(Continued(), Is.EqualTo(("", 0UL, Point("a", 5))), "cut off in the initial state");

        var first = Message("a", 4, reset: true, synced: true);
        first.Seen = Point("a", 6);
        Apply(first);
        Assert.That(Continued(), Is.EqualTo(("a", 4UL, Point("a", 6))), "told a version that some of it is ahead of");

        Apply(Message("a", 7));
        Assert.That(Continued(), Is.EqualTo(("a", 7UL, Point("a", 7))));

        Apply(Part(("a", 7), [], [3], seen: ("a", 9)));
        Assert.That(Continued(), Is.EqualTo(("a", 7UL, Point("a", 9))), "cut off in a batch");

        Apply(Message("a", 8));
        Assert.That(Continued(), Is.EqualTo(("a", 8UL, Point("a", 9))), "by a server that does not know of it");

        Apply(Message("", 0, reset: true));
        Assert.That(Continued(), Is.EqualTo(("", 0UL, Point("a", 9))), "to forget is not to go back");

        Apply(Message("b", 2, synced: true));
        Assert.That(Continued(), Is.EqualTo(("b", 2UL, Point("b", 2))));
    }

    [Test]
    public void Changes_AfterAReset_AreAllTold()
    {
        Apply(Message("a", 5, reset: true, synced: true));
        Apply(Part(("a", 5), [(1, 7)], []));
        _progress.Begin();
        var message = Part(("a", 7), [(1, 7)], []);
        (message.Reset, message.Synced) = (true, true);
        Assert.That(Told(message), Is.EqualTo(("1@7", "")));
    }

    private (string Epoch, ulong Revision, WatchPoint? Seen) Continued()
    {
        var request = new WatchCountsRequest();
        _progress.Continue(request);
        return (request.ResumeEpoch, request.ResumeRevision, request.Seen);
    }

    private static WatchPoint Point(string epoch, ulong revision) => new() { Epoch = epoch, Revision = revision };

    private static WatchCountsResponse Part(
        (string Epoch, ulong Revision) progress, (long MessageId, ulong Revision)[] counts, long[] removed, (string Epoch, ulong Revision)? seen = null)
    {
        var message = Message(progress.Epoch, progress.Revision);
        message.Seen = seen is { } point ? Point(point.Epoch, point.Revision) : null;
        message.Counts.Add(counts.Select(told => new TweetCounts.V1.Counts { MessageId = told.MessageId, Revision = told.Revision }));
        message.RemovedMessageIds.Add(removed);
        return message;
    }

    private (string Counts, string Removed) Told(WatchCountsResponse message)
    {
        var changes = Apply(message).OfType<WatchUpdate.Changes>().Single();
        return (string.Join(' ', changes.Counts.Select(told => $"{told.MessageId}@{told.Revision}")), string.Join(' ', changes.RemovedMessageIds));
    }

    private static WatchCountsResponse Message(string epoch, ulong revision, bool reset = false, bool synced = false) =>
        new() { Reset = reset, Synced = synced, Freshness = new TweetCounts.V1.Freshness { Epoch = epoch, Revision = revision } };

    private List<WatchUpdate> Apply(WatchCountsResponse message) => [.. _progress.Apply(message)];
}
