using CacheService.Tool.Simulation;
using Microsoft.Extensions.Time.Testing;

namespace CacheService.Tests.Tool.Simulation;

public sealed class PacerTests
{
    private static readonly double[] FromNowOnTenASecond = [0, 0.1, 0.2, 0.3];

    private readonly FakeTimeProvider _time = new();

    [Test]
    public void TryTakeTurn_OnTime_TurnsAreDueAtTheRate()
    {
        var pacer = new Pacer(10, null, _time);

        Assert.That(TakeTurns(pacer, 4), Is.EqualTo(FromNowOnTenASecond).Within(1e-6));
    }

    [Test]
    public void TryTakeTurn_EachWaitOversleeps_RateDoesNotDrift()
    {
        var pacer = new Pacer(100, null, _time);
        for (var turn = 0; turn < 10_000; turn++)
        {
            pacer.TryTakeTurn(out var wait);
            _time.Advance(wait + TimeSpan.FromMilliseconds(3));
        }

        pacer.TryTakeTurn(out var last);

        // The 10,000th turn is due at 100 s; the clock is at most one oversleeping ahead of the turn before.
        Assert.That(last, Is.EqualTo(TimeSpan.FromMilliseconds(7)).Within(TimeSpan.FromMilliseconds(0.1)));
        Assert.That(pacer.LeftOut, Is.Zero);
    }

    [Test]
    public void TryTakeTurn_SmallLag_IsCaughtUp()
    {
        var pacer = new Pacer(100, null, _time);
        _time.Advance(Pacer.MaxLag);

        Assert.That(TakeTurns(pacer, 26), Is.All.Zero, "the 26 turns from 0 to 250 ms");
        Assert.That(TakeTurns(pacer, 1).Single(), Is.EqualTo(0.01).Within(1e-6));
        Assert.That(pacer.LeftOut, Is.Zero);
    }

    [Test]
    public void TryTakeTurn_LongStall_LosesTurnsInsteadOfBursting()
    {
        var pacer = new Pacer(10, null, _time);
        _time.Advance(TimeSpan.FromSeconds(5));

        Assert.That(TakeTurns(pacer, 4), Is.EqualTo(FromNowOnTenASecond).Within(1e-6));
        Assert.That(pacer.LeftOut, Is.EqualTo(50));
    }

    [Test]
    public void TryTakeTurn_SlowRateAndLateClient_LosesNothing()
    {
        var pacer = new Pacer(0.5, null, _time);
        TakeTurns(pacer, 1);
        _time.Advance(TimeSpan.FromSeconds(3.9));

        Assert.That(TakeTurns(pacer, 1).Single(), Is.Zero);
        Assert.That(pacer.LeftOut, Is.Zero);
    }

    [TestCase(10, 2.0, 20)]
    [TestCase(3, 0.5, 2)]
    [TestCase(0.1, 1.0, 1)]
    public void TryTakeTurn_Duration_HoldsRateTimesDurationTurns(double rate, double seconds, int turns)
    {
        var pacer = new Pacer(rate, TimeSpan.FromSeconds(seconds), _time);

        TakeTurns(pacer, turns);

        Assert.That(pacer.TryTakeTurn(out _), Is.False);
    }

    [Test]
    public void TryTakeTurn_StallBeyondTheEnd_CountsOnlyTheTurnsOfTheSchedule()
    {
        var pacer = new Pacer(10, TimeSpan.FromSeconds(2), _time);
        TakeTurns(pacer, 5);
        _time.Advance(TimeSpan.FromSeconds(60));

        Assert.That(pacer.TryTakeTurn(out _), Is.False);
        Assert.That(pacer.LeftOut, Is.EqualTo(15));
    }

    [Test]
    public void WaitForTurnAsync_Stopped_Throws() =>
        Assert.That(
            async () => await new Pacer(10, null, _time).WaitForTurnAsync(new CancellationToken(canceled: true)),
            Throws.InstanceOf<OperationCanceledException>());

    private static double[] TakeTurns(Pacer pacer, int count) =>
        [.. Enumerable.Range(0, count).Select(_ => pacer.TryTakeTurn(out var wait) ? wait.TotalSeconds : double.NaN)];
}
