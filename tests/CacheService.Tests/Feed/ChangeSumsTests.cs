using CacheService.Counts;
using CacheService.Feed;

namespace CacheService.Tests.Feed;

internal sealed class ChangeSumsTests
{
    private static readonly DateOnly Day = new(2026, 11, 29);

    [Test]
    public void Changes_OfSeveralRows_AreOneForEachMessage()
    {
        var sums = new ChangeSums();
        foreach (var change in (CountChange[])[new(7, 1, 0, 0), new(3, 0, 1, 0), new(7, 2, 5, 1), new(-1, 0, 0, -1), new(3, 0, -1, 0)])
        {
            sums.Add(change);
        }

        Assert.That(sums.Changes(), Is.EquivalentTo((CountChange[])[new(7, 3, 5, 1), new(-1, 0, 0, -1), new(3, 0, 0, 0)]));
        Assert.That(sums.Days(), Is.Empty);
    }

    [Test]
    public void Days_OfSeveralRows_AreOneForEachDayOnWhichSomethingWasLeft()
    {
        var sums = new ChangeSums();
        foreach (var change in (DayCounts[])[new(Day, 1, 0, 0, 0), new(Day, 1, 0, 0, 0), new(Day.AddDays(1), 0, 0, 5, 1), new(Day, 0, 2, 0, 0), new(Day.AddDays(2), 1, 0, 0, 0), new(Day.AddDays(3), 3, 0, 0, 0), new(Day.AddDays(2), -1, 0, 0, 0)])
        {
            sums.Add(change);
        }

        Assert.That(sums.Days(), Is.EquivalentTo((DayCounts[])[new(Day, 2, 2, 0, 0), new(Day.AddDays(1), 0, 0, 5, 1), new(Day.AddDays(3), 3, 0, 0, 0)]));
    }

    [Test]
    public void Sums_OfVeryManyRows_AreThoseOfFew()
    {
        var sums = new ChangeSums();
        for (var n = 0; n < 700_000; n++)
        {
            sums.Add(new CountChange(n % 150_000, 1, 2, 0));
            sums.Add(new DayCounts(Day.AddDays(n % 3), 1, 0, 2, 0));
        }

        Assert.That(sums.Changes(), Is.EqualTo(Enumerable.Range(0, 150_000).Select(id => id < 100_000 ? new CountChange(id, 5, 10, 0) : new CountChange(id, 4, 8, 0))));
        Assert.That(sums.Days().Sum(day => day.Likes), Is.EqualTo(1_400_000));
        Assert.That(sums.Days(), Has.Count.EqualTo(3));
    }

    [Test]
    public void Sums_BeyondTheRangeOfCounts_AreRefused()
    {
        var sums = new ChangeSums();
        sums.Add(new CountChange(1, long.MaxValue, 0, 0));
        sums.Add(new CountChange(1, 1, 0, 0));

        Assert.That(() => sums.Changes(), Throws.TypeOf<OverflowException>());
    }
}
