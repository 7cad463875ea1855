using CacheService.Reading;
using Microsoft.Extensions.Time.Testing;

namespace CacheService.Tests.Reading;

internal sealed class ReadDeadlineTests
{
    private static readonly TimeSpan AtMost = TimeSpan.FromSeconds(60);
    private static readonly DateTime Now = new(2026, 11, 1, 12, 0, 0, DateTimeKind.Utc);

    [TestCase(10, 9.75, TestName = "LimitOf_ALongTime_LeavesAQuarterOfASecondForTheError")]
    [TestCase(1, 0.8, TestName = "LimitOf_AShortTime_LeavesAFifthForTheError")]
    [TestCase(0, 0, TestName = "LimitOf_NoTime_IsZero")]
    [TestCase(-5, 0, TestName = "LimitOf_APastDeadline_IsZero")]
    [TestCase(3600, 60, TestName = "LimitOf_MoreTimeThanIsAllowed_IsWhatIsAllowed")]
    public void LimitOf_ADeadline_IsBeforeIt(double seconds, double expected) =>
        Assert.That(ReadDeadline.LimitOf(Now.AddSeconds(seconds), AtMost, new FakeTimeProvider(Now)), Is.EqualTo(TimeSpan.FromSeconds(expected)));

    [Test]
    public void LimitOf_NoDeadline_IsWhatIsAllowed() => Assert.That(ReadDeadline.LimitOf(ReadDeadline.None, AtMost, new FakeTimeProvider(Now)), Is.EqualTo(AtMost));
}
