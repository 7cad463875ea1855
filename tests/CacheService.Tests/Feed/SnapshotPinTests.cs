using CacheService.Counts;
using CacheService.Feed;

namespace CacheService.Tests.Feed;

internal sealed class SnapshotPinTests
{
    private static readonly PgSnapshot First = PgSnapshot.Parse("10:10:");
    private static readonly PgSnapshot Second = PgSnapshot.Parse("20:20:");

    [Test]
    public void Reached_WhilePinned_StaysWhereItWas()
    {
        var store = new CountsStore(10);
        var pin = new SnapshotPin(store);
        Assert.That(pin.Reached, Is.Null, "nothing is loaded");
        store.Load([], First, 0);
        pin.Pin();
        store.Apply([], Second, 0);

        Assert.That(pin.Reached, Is.SameAs(First));
        pin.Release();
        Assert.That(pin.Reached, Is.SameAs(Second));
    }

    [Test]
    public void Reached_AfterALoad_ForgetsThePin()
    {
        var store = new CountsStore(10);
        var pin = new SnapshotPin(store);
        store.Load([], First, 0);
        pin.Pin();
        store.Load([], Second, 0);

        Assert.That(pin.Reached, Is.SameAs(Second));
    }
}
