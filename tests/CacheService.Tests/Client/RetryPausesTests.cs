using CacheService.Client.Connections;

namespace CacheService.Tests.Client;

public sealed class RetryPausesTests
{
    [Test]
    public void Next_Repeated_GrowsWithJitterToTheMaximum()
    {
        var pauses = new RetryPauses(TimeSpan.FromMilliseconds(300));
        double[] bases = [50, 100, 200, 300, 300];
        foreach (var milliseconds in bases)
        {
            Assert.That(pauses.Next().TotalMilliseconds, Is.InRange(milliseconds / 2, milliseconds));
        }

        pauses.Reset();
        Assert.That(pauses.Next().TotalMilliseconds, Is.LessThanOrEqualTo(50));
    }
}
