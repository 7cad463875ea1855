using CacheService.Jobs;
using Microsoft.Extensions.Time.Testing;

namespace CacheService.Tests.Jobs;

internal sealed class SilentServicesTests
{
    private static readonly TimeSpan LostAfter = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    private readonly FakeTimeProvider _time = new();

    [Test]
    public void Find_AServiceThatCountsOn_IsNotSilent()
    {
        var silent = new SilentServices(LostAfter, _time);
        for (var beat = 0; beat < 100; beat++)
        {
            Assert.That(Look(silent, beat, Pause), Is.Empty);
        }
    }

    [Test]
    public void Find_AServiceThatCountsNoLonger_IsSilentAfterTheTime()
    {
        var silent = new SilentServices(LostAfter, _time);
        Look(silent, 7, Pause);
        for (var looked = Pause; looked < LostAfter; looked += Pause)
        {
            Assert.That(Look(silent, 7, Pause), Is.Empty);
        }

        Assert.That(Look(silent, 7, Pause), Is.EqualTo(new[] { "other" }));
        Assert.That(Look(silent, 8, Pause), Is.Empty, "it is back");
    }

    [Test]
    public void Find_AfterBothWereFrozen_TakesNobodyForGone()
    {
        var silent = new SilentServices(LostAfter, _time);
        Look(silent, 7, Pause);
        Assert.That(Look(silent, 7, TimeSpan.FromHours(1)), Is.Empty);
    }

    private IReadOnlySet<string> Look(SilentServices silent, long beat, TimeSpan after)
    {
        _time.Advance(after);
        var job = new JobRow(1, "job", null, "UTC", Misfire.Latest, new Dictionary<string, string>(), default, null, "", "");
        var run = new RunRow { Id = 1, JobId = 1, Job = "job", State = RunState.Running, Trigger = RunTrigger.Hand, AskedBy = "me", Service = "other" };
        return silent.Find([new JobLook(job, default, 5, false, beat, run)]);
    }
}
