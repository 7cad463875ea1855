using CacheService.Jobs;

namespace CacheService.Tests.Jobs;

internal sealed class DueSlotsTests
{
    private static readonly DateTimeOffset Midnight = new(2026, 11, 29, 0, 0, 0, TimeSpan.Zero);
    private static readonly JobSchedule Hourly = JobSchedule.Parse("0 * * * *", "UTC");

    [Test]
    public void Of_NothingDue_IsNothing([Values] Misfire misfire) =>
        Assert.That(DueSlots.Of(Hourly, misfire, Midnight, Midnight + TimeSpan.FromMinutes(59)), Is.EqualTo(new DueSlots(null, null, null)));

    [Test]
    public void Of_OneSlotInTime_RunsIt([Values] Misfire misfire) =>
        Assert.That(DueSlots.Of(Hourly, misfire, Midnight, Midnight.AddHours(1).AddSeconds(1)), Is.EqualTo(new DueSlots(null, Midnight.AddHours(1), Midnight.AddHours(1))));

    [Test]
    public void Of_FiveSlotsOverslept_ByLatest_RunsTheLatestAndSkipsFour() => Assert.That(
        DueSlots.Of(Hourly, Misfire.Latest, Midnight, Midnight.AddHours(5.5)),
        Is.EqualTo(new DueSlots(new SlotRange(Midnight.AddHours(1), Midnight.AddHours(4), 4), Midnight.AddHours(5), Midnight.AddHours(5))));

    [Test]
    public void Of_FiveSlotsOverslept_ByAll_RunsTheFirst() => Assert.That(
        DueSlots.Of(Hourly, Misfire.All, Midnight, Midnight.AddHours(5.5)), Is.EqualTo(new DueSlots(null, Midnight.AddHours(1), Midnight.AddHours(1))));

    [Test]
    public void Of_FiveSlotsOverslept_BySkip_SkipsAll() => Assert.That(
        DueSlots.Of(Hourly, Misfire.Skip, Midnight, Midnight.AddHours(5.5)),
        Is.EqualTo(new DueSlots(new SlotRange(Midnight.AddHours(1), Midnight.AddHours(5), 5), null, Midnight.AddHours(5))));

    [Test]
    public void Of_TheLastInTime_BySkip_RunsIt() => Assert.That(
        DueSlots.Of(Hourly, Misfire.Skip, Midnight, Midnight.AddHours(5).AddSeconds(30)),
        Is.EqualTo(new DueSlots(new SlotRange(Midnight.AddHours(1), Midnight.AddHours(4), 4), Midnight.AddHours(5), Midnight.AddHours(5))));

    [Test]
    public void Of_AWeekOfSeconds_ComesInParts()
    {
        var schedule = JobSchedule.Parse("* * * * * *", "UTC");
        var due = DueSlots.Of(schedule, Misfire.Latest, Midnight, Midnight.AddDays(7));
        Assert.That(due, Is.EqualTo(new DueSlots(new SlotRange(Midnight.AddSeconds(1), Midnight.AddSeconds(DueSlots.Most), DueSlots.Most), null, Midnight.AddSeconds(DueSlots.Most))));
    }

    /// <summary>10,000 slots of a second, looked at whenever it happens: each is run or skipped once, by every rule.</summary>
    [Test]
    public void Of_TenThousandSlots_LookedAtAtRandom_LeavesNoneOutAndTakesNoneTwice([Values] Misfire misfire)
    {
        const int Slots = 10_000;
        var (schedule, random) = (JobSchedule.Parse("* * * * * *", "UTC"), new Random(1951));
        var (until, now) = (Midnight, Midnight);
        var (dealt, run, skipped) = (0L, 0, 0L);
        var busyUntil = Midnight;
        while (dealt < Slots)
        {
            // Mostly at once, at times after a nap, and at times while an earlier run is still busy.
            now += TimeSpan.FromMilliseconds(random.Next(20) == 0 ? random.Next(1, 90_000) : random.Next(1, 900));
            if (now < busyUntil)
            {
                continue;
            }

            var due = DueSlots.Of(schedule, misfire, until, now);
            foreach (var (first, last, count) in (SlotRange[])[.. due.Missed is { } missed ? [missed] : Array.Empty<SlotRange>(), .. due.Run is { } one ? [new SlotRange(one, one, 1)] : Array.Empty<SlotRange>()])
            {
                Assert.That(first, Is.EqualTo(until.AddSeconds(1)), "the first that has not been dealt with");
                Assert.That(last, Is.EqualTo(first.AddSeconds(count - 1)).And.LessThanOrEqualTo(now));
                (until, dealt) = (last, dealt + count);
            }

            Assert.That(due.Until ?? until, Is.EqualTo(until));
            (run, skipped) = (run + (due.Run is null ? 0 : 1), skipped + (due.Missed?.Count ?? 0));
            busyUntil = due.Run is null ? busyUntil : now + TimeSpan.FromMilliseconds(random.Next(1, 1_500));
        }

        TestContext.Out.WriteLine($"{misfire}: {dealt} slots, {run} run, {skipped} skipped");
        Assert.That(run + skipped, Is.EqualTo(dealt));
        Assert.That(run, Is.Positive);
        Assert.That(skipped, misfire == Misfire.All ? Is.Zero : Is.Positive);
    }
}
