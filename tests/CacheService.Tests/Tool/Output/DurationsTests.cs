using CacheService.Tool.Output;

namespace CacheService.Tests.Tool.Output;

public sealed class DurationsTests
{
    [TestCase("500ms", 0.5)]
    [TestCase("30s", 30)]
    [TestCase("1.5m", 90)]
    [TestCase("2H", 7200)]
    [TestCase("7", 7)]
    public void TryParse_NumberAndUnit_IsThatTime(string text, double seconds)
    {
        Assert.That(Durations.TryParse(text, out var duration), Is.True);
        Assert.That(duration.TotalSeconds, Is.EqualTo(seconds));
    }

    [TestCase("")]
    [TestCase("s")]
    [TestCase("0")]
    [TestCase("-1s")]
    [TestCase("1d")]
    [TestCase("1 s")]
    [TestCase("1,5s")]
    [TestCase("NaN")]
    [TestCase("1000000h")]
    [TestCase("99999999999999999999999999999999999999")]
    public void TryParse_AnythingElse_IsRefused(string text) => Assert.That(Durations.TryParse(text, out _), Is.False);

    [TestCase(0.0004, "under 1 ms")]
    [TestCase(0.003, "3 ms")]
    [TestCase(0.9996, "1.0 s")]
    [TestCase(59.9, "59.9 s")]
    [TestCase(250, "4 min 10 s")]
    [TestCase(7500, "2 h 5 min")]
    [TestCase(273600, "3 d 4 h")]
    public void Format_Time_HasTheUnitThatSuitsIt(double seconds, string text) =>
        Assert.That(Durations.Format(TimeSpan.FromSeconds(seconds)), Is.EqualTo(text));
}
