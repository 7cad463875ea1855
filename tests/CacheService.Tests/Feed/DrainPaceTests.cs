using CacheService.Feed;

namespace CacheService.Tests.Feed;

internal sealed class DrainPaceTests
{
    private static readonly TimeSpan Least = TimeSpan.FromMilliseconds(2);
    private static readonly TimeSpan Cost = TimeSpan.FromMilliseconds(0.3);

    [TestCase(0, ExpectedResult = 2)]
    [TestCase(1_000, ExpectedResult = 2)]
    [TestCase(5_000, ExpectedResult = 4)]
    [TestCase(1_000_000, ExpectedResult = 10)]
    public double Interval_BesideWritersOfARate_GrowsWithIt(int changesPerSecond)
    {
        var pace = new DrainPace(Least);
        for (var elapsed = TimeSpan.Zero; elapsed < TimeSpan.FromSeconds(1); elapsed += pace.Interval)
        {
            pace.Count((long)(changesPerSecond * pace.Interval.TotalSeconds), pace.Interval, Cost);
        }

        return Math.Round(pace.Interval.TotalMilliseconds);
    }

    [Test]
    public void Interval_AfterOneTransactionOfAHundredRows_IsSoonTheLeastAgain()
    {
        var pace = new DrainPace(Least);
        pace.Count(100, Least, Cost);
        Assert.That(pace.Interval, Is.LessThanOrEqualTo(Least));

        pace.Count(1_000_000, Least, Cost);
        Assert.That(pace.Interval, Is.EqualTo(TimeSpan.FromMilliseconds(10)));
        var drains = 0;
        for (; pace.Interval > Least && drains < 1_000; drains++)
        {
            pace.Count(0, pace.Interval, Cost);
        }

        Assert.That(drains, Is.LessThan(100));
    }

    [Test]
    public void Interval_ThatIsSetLonger_IsKept() => Assert.That(new DrainPace(TimeSpan.FromMilliseconds(120)).Interval, Is.EqualTo(TimeSpan.FromMilliseconds(120)));

    [TestCase(0, 0.3, ExpectedResult = 0.6)]
    [TestCase(0, 5, ExpectedResult = 2)]
    [TestCase(50, 0.3, ExpectedResult = 1)]
    [TestCase(1_000, 0.3, ExpectedResult = 2)]
    [TestCase(5_000, 0.3, ExpectedResult = 4)]
    public double IntervalForReads_WithFewWriters_IsThatOfTheCost(int changesPerSecond, double cost)
    {
        // Of changes in a row, each drain has one at most: so the time between them tells the rate.
        var pace = new DrainPace(Least);
        var between = TimeSpan.FromSeconds(1) / Math.Max(1, changesPerSecond);
        for (var elapsed = TimeSpan.Zero; elapsed < TimeSpan.FromSeconds(2); elapsed += between)
        {
            pace.Count(changesPerSecond == 0 ? 0 : 1, between, TimeSpan.FromMilliseconds(cost));
        }

        for (var i = 0; changesPerSecond == 0 && i < 100; i++)
        {
            pace.Count(0, Least, TimeSpan.FromMilliseconds(cost));
        }

        return Math.Round(pace.IntervalForReads.TotalMilliseconds, 1);
    }
}
