using CacheService.Auditing;

namespace CacheService.Tests.Auditing;

internal sealed class RangeSizeTests
{
    [Test]
    public void Adapt_ToFastRecounts_GrowsToItsLimit()
    {
        var size = new RangeSize();
        var first = size.Messages;
        size.Adapt(TimeSpan.FromMilliseconds(1));
        Assert.That(size.Messages, Is.EqualTo(4 * first), "not all at once");
        for (var n = 0; n < 10; n++)
        {
            size.Adapt(TimeSpan.Zero);
        }

        Assert.That(size.Messages, Is.EqualTo(10_000));
    }

    [Test]
    public void Adapt_ToASlowRecount_ShrinksInProportion()
    {
        var size = new RangeSize();
        var first = size.Messages;
        size.Adapt(TimeSpan.FromSeconds(6));
        Assert.That(size.Messages, Is.EqualTo(first / 100));
        size.Adapt(TimeSpan.FromHours(1));
        Assert.That(size.Messages, Is.EqualTo(1));
    }

    [Test]
    public void TryShrink_AtOneMessage_IsFalse()
    {
        var size = new RangeSize();
        var shrunk = 0;
        while (size.TryShrink())
        {
            shrunk++;
        }

        Assert.That((size.Messages, shrunk), Is.EqualTo((1, 3)));
    }
}
