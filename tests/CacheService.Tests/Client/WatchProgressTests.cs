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

    private static WatchCountsResponse Part((string Epoch, ulong Revision) progress, (long MessageId, ulong Revision)[] counts, long[] removed)
    {
        var message = Message(progress.Epoch, progress.Revision);
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
