using CacheService.Feed;

namespace CacheService.Tests.Feed;

internal sealed class AttemptPausesTests
{
    [Test]
    public void NextDelay_Repeated_GrowsWithJitterToTheMaximum()
    {
        var pauses = new AttemptPauses(TimeSpan.FromSeconds(1));
        double[] bases = [50, 100, 200, 400, 800, 1000, 1000, 1000];
        foreach (var milliseconds in bases)
        {
            Assert.That(pauses.NextDelay().TotalMilliseconds, Is.InRange(milliseconds / 2, milliseconds));
        }

        pauses.Reset();
        Assert.That(pauses.NextDelay().TotalMilliseconds, Is.LessThanOrEqualTo(50));
    }
}
