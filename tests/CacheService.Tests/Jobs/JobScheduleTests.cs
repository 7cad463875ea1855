using System.Globalization;
using CacheService.Jobs;

namespace CacheService.Tests.Jobs;

internal sealed class JobScheduleTests
{
    [TestCase("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00Z", "2026-03-29T01:00Z", TestName = "Next_AtATimeThatSpringJumpsOver_IsWhenTheClocksHaveJumped")]
    [TestCase("30 2 * * *", "Europe/Berlin", "2026-03-29T01:00Z", "2026-03-30T00:30Z", TestName = "Next_AfterSpring_IsTheNextDay")]
    [TestCase("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00Z", "2026-10-25T00:30Z", TestName = "Next_AtATimeThatComesTwiceInAutumn_IsTheFirst")]
    [TestCase("30 2 * * *", "Europe/Berlin", "2026-10-25T00:30Z", "2026-10-26T01:30Z", TestName = "Next_AfterTheFirstOfTwo_IsTheNextDay")]
    [TestCase("*/30 * * * *", "Europe/Berlin", "2026-10-25T00:30Z", "2026-10-25T01:00Z", TestName = "Next_OfAnInterval_GoesOnThroughAutumn")]
    [TestCase("*/30 * * * *", "Europe/Berlin", "2026-03-29T00:30Z", "2026-03-29T01:00Z", TestName = "Next_OfAnInterval_GoesOnThroughSpring")]
    [TestCase("0 22 * * 1-5", "UTC", "2026-11-27T22:00Z", "2026-11-30T22:00Z", TestName = "Next_OnWeekdays_PassesOverTheWeekend")]
    [TestCase("*/5 * * * * *", "UTC", "2026-11-27T22:00:01Z", "2026-11-27T22:00:05Z", TestName = "Next_WithSeconds_IsToTheSecond")]
    [TestCase("@daily", "UTC", "2026-11-27T22:00Z", "2026-11-28T00:00Z", TestName = "Next_OfAName_IsKnown")]
    public void Next_AfterAnInstant_IsTheSlot(string cron, string zone, string after, string expected) =>
        Assert.That(JobSchedule.Parse(cron, zone).Next(At(after)), Is.EqualTo(At(expected)));

    [TestCase("2026-03-27T12:00Z", "2026-03-31T12:00Z", TestName = "Between_DaysAroundSpring_HasOneSlotADay")]
    [TestCase("2026-10-23T12:00Z", "2026-10-27T12:00Z", TestName = "Between_DaysAroundAutumn_HasOneSlotADay")]
    public void Between_DaysWithAChangeOfTheClocks_HasOneSlotADay(string from, string to) =>
        Assert.That(JobSchedule.Parse("30 2 * * *", "Europe/Berlin").Between(At(from), At(to)).ToList(), Has.Count.EqualTo(4));

    [TestCase("often", "UTC", "is no schedule")]
    [TestCase("61 * * * *", "UTC", "is no schedule")]
    [TestCase("* * * *", "UTC", "is no schedule")]
    [TestCase("", "UTC", "is no schedule")]
    [TestCase("* * * * *", "Europe/Elsinore", "no time zone that this machine knows")]
    public void Parse_WhatIsNone_IsRefused(string cron, string zone, string words)
    {
        var refused = Assert.Throws<JobRefusedException>(() => JobSchedule.Parse(cron, zone));
        Assert.That(refused!.Refusal, Is.EqualTo(JobRefusal.BadRequest));
        Assert.That(refused.Message, Does.Contain(words));
    }

    [Test]
    public void Next_OfWhatNeverComes_IsNone() => Assert.That(JobSchedule.Parse("0 0 30 2 *", "UTC").Next(At("2026-11-27T22:00Z")), Is.Null);

    private static DateTimeOffset At(string time) => DateTimeOffset.Parse(time, CultureInfo.InvariantCulture);
}
