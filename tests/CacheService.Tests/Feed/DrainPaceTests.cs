using CacheService.Feed;

namespace CacheService.Tests.Feed;

internal sealed class DrainPaceTests
{
    private static readonly TimeSpan Least = TimeSpan.FromMilliseconds(2);

    [TestCase(0, ExpectedResult = 2)]
    [TestCase(1_000, ExpectedResult = 2)]
    [TestCase(5_000, ExpectedResult = 4)]
    [TestCase(1_000_000, ExpectedResult = 10)]
    public double Interval_BesideWritersOfARate_GrowsWithIt(int changesPerSecond)
    {
        var pace = new DrainPace(Least);
        for (var elapsed = TimeSpan.Zero; elapsed < TimeSpan.FromSeconds(1); elapsed += pace.Interval)
        {
            pace.Count((long)(changesPerSecond * pace.Interval.TotalSeconds), pace.Interval);
        }

        return Math.Round(pace.Interval.TotalMilliseconds);
    }

    [Test]
    public void Interval_AfterOneTransactionOfAHundredRows_IsSoonTheLeastAgain()
    {
        var pace = new DrainPace(Least);
        pace.Count(100, Least);
        Assert.That(pace.Interval, Is.LessThanOrEqualTo(Least));

        pace.Count(1_000_000, Least);
        Assert.That(pace.Interval, Is.EqualTo(TimeSpan.FromMilliseconds(10)));
        var drains = 0;
        for (; pace.Interval > Least && drains < 1_000; drains++)
        {
            pace.Count(0, pace.Interval);
        }

        Assert.That(drains, Is.LessThan(100));
    }

    [Test]
    public void Interval_ThatIsSetLonger_IsKept() => Assert.That(new DrainPace(TimeSpan.FromMilliseconds(120)).Interval, Is.EqualTo(TimeSpan.FromMilliseconds(120)));
}
