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

    private static WatchCountsResponse Message(string epoch, ulong revision, bool reset = false, bool synced = false) =>
        new() { Reset = reset, Synced = synced, Freshness = new TweetCounts.V1.Freshness { Epoch = epoch, Revision = revision } };

    private List<WatchUpdate> Apply(WatchCountsResponse message) => [.. _progress.Apply(message)];
}
