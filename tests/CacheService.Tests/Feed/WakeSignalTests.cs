using CacheService.Feed;

namespace CacheService.Tests.Feed;

internal sealed class WakeSignalTests
{
    private static readonly TimeSpan Never = TimeSpan.FromMinutes(1);

    [Test]
    public void Wait_AfterASignal_ReturnsAtOnceUntilItIsTaken()
    {
        using var signal = new WakeSignal();
        signal.Set(WakeReasons.Bell);
        signal.Set(WakeReasons.Request);
        signal.Wait(Never, CancellationToken.None);
        signal.Wait(Never, CancellationToken.None);

        Assert.That(signal.Take(), Is.EqualTo(WakeReasons.Bell | WakeReasons.Request));
        Assert.That(signal.Take(), Is.EqualTo(WakeReasons.None));
    }

    [Test]
    public void Wait_WithoutASignal_EndsWithTheTimeout()
    {
        using var signal = new WakeSignal();
        signal.Wait(TimeSpan.FromMilliseconds(1), CancellationToken.None);
        Assert.That(signal.Take(), Is.EqualTo(WakeReasons.None));
    }

    [Test]
    public async Task Signals_FromManyThreads_AreNeverLost()
    {
        const int Signals = 20_000;
        using var signal = new WakeSignal();
        var (sent, seen) = (0, 0);
        var ringing = Task.Run(() =>
        {
            for (var n = 1; n <= Signals; n++)
            {
                Volatile.Write(ref sent, n);
                signal.Set(WakeReasons.Bell);
            }
        });
        while (seen < Signals)
        {
            signal.Wait(Never, CancellationToken.None);
            Assert.That(signal.Take(), Is.EqualTo(WakeReasons.Bell).Or.EqualTo(WakeReasons.None));
            seen = Volatile.Read(ref sent);
        }

        await ringing;
    }
}
