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

    [Test]
    public void TryExtend_AgainAndAgain_GrowsToTheLongestTime()
    {
        var size = new RangeSize(TimeSpan.FromMinutes(2));
        var timeouts = new List<double> { size.Timeout.TotalSeconds };
        while (size.TryExtend())
        {
            timeouts.Add(size.Timeout.TotalSeconds);
        }

        Assert.That(timeouts, Is.EqualTo(new[] { 5, 20, 80, 120 }));
        Assert.That(new RangeSize(TimeSpan.FromSeconds(1)).Timeout, Is.EqualTo(TimeSpan.FromSeconds(1)));
    }

    [Test]
    public void Size_WithoutAnIndex_StaysAndTakesAllTheTime()
    {
        var size = new RangeSize(TimeSpan.FromMinutes(2), isIndexed: false);
        size.Adapt(TimeSpan.FromMinutes(1));
        Assert.That((size.Messages, size.Timeout, size.TryShrink(), size.TryExtend()), Is.EqualTo((10_000, TimeSpan.FromMinutes(2), false, false)));
    }
}
