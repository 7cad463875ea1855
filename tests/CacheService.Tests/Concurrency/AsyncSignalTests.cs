using CacheService.Concurrency;
using Microsoft.Extensions.Time.Testing;

namespace CacheService.Tests.Concurrency;

internal sealed class AsyncSignalTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly FakeTimeProvider _time = new();

    [Test]
    public async Task Wait_OfWhatWasSetBefore_EndsAtOnceAndTakesIt()
    {
        using var signal = new AsyncSignal();
        signal.Set();
        signal.Set();
        Assert.That(await signal.WaitAsync(Timeout.InfiniteTimeSpan, _time), Is.True);
        Assert.That(await signal.WaitAsync(TimeSpan.Zero, _time), Is.False, "several are one");
        Assert.That(signal.TryTake(), Is.False);
    }

    [Test]
    public async Task Wait_OfWhatIsSetLater_EndsThen()
    {
        using var signal = new AsyncSignal();
        for (var n = 0; n < 3; n++)
        {
            var waiting = signal.WaitAsync(TimeSpan.FromSeconds(1), _time).AsTask();
            Assert.That(waiting.IsCompleted, Is.False);
            signal.Set();
            Assert.That(await waiting.WaitAsync(Patience), Is.True);
            Assert.That(signal.TryTake(), Is.False, "it was taken");
        }
    }

    [Test]
    public async Task Wait_ThatNobodyEnds_EndsWithItsTime()
    {
        using var signal = new AsyncSignal();
        for (var n = 0; n < 3; n++)
        {
            var waiting = signal.WaitAsync(TimeSpan.FromMilliseconds(1.5), _time).AsTask();
            _time.Advance(TimeSpan.FromMilliseconds(1));
            Assert.That(waiting.IsCompleted, Is.False);
            _time.Advance(TimeSpan.FromMilliseconds(1));
            Assert.That(await waiting.WaitAsync(Patience), Is.False);
        }

        signal.Set();
        Assert.That(signal.TryTake(), Is.True, "it is kept for the next");
    }

    /// <summary>Each waits until the other has noticed what it wrote: a signal that is lost holds up both.</summary>
    [Test]
    public async Task Signals_OfTwoWhoWaitForEachOther_AreNeverLost()
    {
        const int Turns = 100_000;
        using var ping = new AsyncSignal();
        using var pong = new AsyncSignal();
        var (pinged, ponged) = (0, 0);
        await Task.WhenAll(Task.Run(PingAsync), Task.Run(PongAsync)).WaitAsync(TimeSpan.FromMinutes(1));
        Assert.That((pinged, ponged), Is.EqualTo((Turns, Turns)));

        async Task PingAsync()
        {
            for (var turn = 1; turn <= Turns; turn++)
            {
                Volatile.Write(ref pinged, turn);
                ping.Set();
                while (Volatile.Read(ref ponged) < turn)
                {
                    await pong.WaitAsync(Timeout.InfiniteTimeSpan, _time);
                }
            }
        }

        async Task PongAsync()
        {
            for (var turn = 1; turn <= Turns; turn++)
            {
                while (Volatile.Read(ref pinged) < turn)
                {
                    await ping.WaitAsync(Timeout.InfiniteTimeSpan, _time);
                }

                Volatile.Write(ref ponged, turn);
                pong.Set();
            }
        }
    }
}
