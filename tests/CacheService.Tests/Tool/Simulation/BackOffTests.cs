using CacheService.Tool.Simulation;

namespace CacheService.Tests.Tool.Simulation;

public sealed class BackOffTests
{
    [Test]
    public void Next_Repeated_DoublesToABound()
    {
        var backOff = new BackOff();

        var waits = Enumerable.Range(0, 7).Select(_ => backOff.Next().TotalSeconds);

        Assert.That(waits, Is.EqualTo(new[] { 0.1, 0.2, 0.4, 0.8, 1.6, 3, 3 }).Within(1e-9));
    }

    [Test]
    public void Reset_AfterWaits_StartsAnew()
    {
        var backOff = new BackOff();
        var first = backOff.Next();
        backOff.Next();

        backOff.Reset();

        Assert.That(backOff.Next(), Is.EqualTo(first));
    }
}
