using CacheService.Counts;

namespace CacheService.Tests.Counts;

internal sealed class DailyCountsTests
{
    private static readonly DateOnly First = new(2026, 1, 1);

    [TestCase(1)]
    [TestCase(2)]
    public void Days_AfterAnyHistory_AreWhatADictionaryHas(int seed)
    {
        var random = new Random(seed);
        var model = new SortedDictionary<DateOnly, DayCounts>();
        var days = DailyCounts.Empty;
        for (var step = 0; step < 500; step++)
        {
            var changes = new List<DayCounts>();
            for (var n = random.Next(20); n > 0; n--)
            {
                // Never below zero; now and then a day comes to nothing.
                var day = First.AddDays(random.Next(300));
                var before = model.GetValueOrDefault(day, new DayCounts { Day = day });
                var change = random.Next(3) == 0
                    ? new DayCounts(day, -before.Retweets, -before.UndoneRetweets, -before.Likes, -before.UndoneLikes)
                    : new DayCounts(day, random.Next(3), random.Next(3), random.Next(3), random.Next(3));
                changes.Add(change);
                model[day] = before.Plus(change);
                if (model[day].IsZero)
                {
                    model.Remove(day);
                }
            }

            var (old, held) = (days, days.All().ToList());
            days = days.Add(changes);
            Assert.That(days.All(), Is.EqualTo(model.Values));
            Assert.That(old.All(), Is.EqualTo(held), "those of before stay");
            AssertBetween(First.AddDays(random.Next(-10, 310)), First.AddDays(random.Next(-10, 310)), random.Next(1, 50));
        }

        AssertBetween(DateOnly.MinValue, DateOnly.MaxValue, int.MaxValue);

        void AssertBetween(DateOnly from, DateOnly to, int most)
        {
            var expected = model.Values.Where(day => day.Day >= from && day.Day <= to).ToList();
            Assert.That(days.Between(from, to, most, out var all), Is.EqualTo(expected.Take(most)));
            Assert.That(all, Is.EqualTo(expected.Count));
        }
    }

    [Test]
    public void Add_OfNothing_IsTheSame()
    {
        var days = DailyCounts.Empty.Add([new DayCounts(First, 1, 0, 0, 0)]);
        Assert.That(days.Add([]), Is.SameAs(days));
    }

    [TestCase(-2, 0)]
    [TestCase(0, -1)]
    [TestCase(long.MaxValue, 0)]
    public void Add_BelowZeroOrBeyondWhatFits_IsInconsistent(long retweets, long undoneLikes)
    {
        var days = DailyCounts.Empty.Add([new DayCounts(First, 1, 0, 0, 0)]);
        Assert.That(
            () => days.Add([new DayCounts(First, retweets, 0, 0, undoneLikes)]),
            Throws.TypeOf<InconsistentChangeException>().With.Message.StartsWith("day 2026-01-01 has 1/0/0/0 retweets"));
        Assert.That(days.All(), Is.EqualTo(new DayCounts[] { new(First, 1, 0, 0, 0) }));
    }
}
