using CacheService.Feed;

namespace CacheService.Tests.Feed;

internal sealed class BackoffTests
{
    [Test]
    public void NextDelay_Repeated_GrowsWithJitterToTheMaximum()
    {
        var backoff = new Backoff(TimeSpan.FromSeconds(1));
        double[] bases = [50, 100, 200, 400, 800, 1000, 1000, 1000];
        foreach (var milliseconds in bases)
        {
            Assert.That(backoff.NextDelay().TotalMilliseconds, Is.InRange(milliseconds / 2, milliseconds));
        }

        backoff.Reset();
        Assert.That(backoff.NextDelay().TotalMilliseconds, Is.LessThanOrEqualTo(50));
    }
}
