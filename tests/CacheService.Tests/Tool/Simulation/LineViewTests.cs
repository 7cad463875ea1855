using CacheService.Tool.Simulation;

namespace CacheService.Tests.Tool.Simulation;

public sealed class LineViewTests
{
    private static readonly SimulationOptions Options = new(Rate: 50, Duration: null, Clients: 2, Seed: 1);
    private static readonly HotMessage[] Hottest = [new(17, 40, 10, 20), new(3, 9, 4, 5)];

    [Test]
    public void Line_DatabaseKeepsUp_HasTotalsAndTheRateSinceTheLineBefore() =>
        Assert.That(
            LineView.Line(At(seconds: 10, written: 500, leftOut: 0), At(seconds: 20, written: 1_003, leftOut: 3), Options, Hottest),
            Is.EqualTo("written 1003, 50.3/s, errors 2, hottest 17 (40), 3 (9)"));

    [Test]
    public void Line_DatabaseTooSlow_SaysSo() =>
        Assert.That(
            LineView.Line(At(seconds: 10, written: 500, leftOut: 0), At(seconds: 20, written: 600, leftOut: 400), Options, Hottest),
            Does.EndWith("; too slow for 50/s with 2 clients: 400 writes left out so far"));

    [Test]
    public void Line_DatabaseWasAway_IsNotCalledSlow()
    {
        var (before, away, back) = (At(10, 500, 0), At(20, 600, 400) with { DatabaseAway = true, Outages = 1 }, At(30, 700, 800) with { Outages = 1 });

        Assert.That(LineView.Line(before, away, Options, Hottest), Does.Not.Contain("slow"));
        Assert.That(LineView.Line(away, back, Options, Hottest), Does.Not.Contain("slow"));
        Assert.That(LineView.Line(back, At(40, 800, 1_200) with { Outages = 1 }, Options, Hottest), Does.Contain("slow"));
    }

    private static SimulationStatus At(int seconds, long written, long leftOut) => new(
        TimeSpan.FromSeconds(seconds), Retweets: written, Likes: 0, UndoneRetweets: 0, UndoneLikes: 0, Errors: 2, leftOut, Messages: 5, DatabaseAway: false, Outages: 0);
}
