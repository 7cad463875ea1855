using CacheService.Import;

namespace CacheService.Tests.Import;

internal sealed class ImportOrderTests
{
    [TestCase("2017-06-01", "2017-06-01T00:00:00Z")]
    [TestCase("2017-06-01T10:30Z", "2017-06-01T10:30:00Z")]
    [TestCase("2017-06-01 10:30:15.5+02:00", "2017-06-01T08:30:15.5Z")]
    public void Time_WithItsDateFirst_IsRead(string text, string expected) =>
        Assert.That(ImportOrder.TimeOf(text), Is.EqualTo(DateTimeOffset.Parse(expected, System.Globalization.CultureInfo.InvariantCulture)));

    [TestCase("")]
    [TestCase("1/2/2017")]
    [TestCase("06-01")]
    [TestCase("10:30")]
    [TestCase("June 2017")]
    [TestCase("2017-06-31")]
    [TestCase("2017-06-01 noon")]
    public void Time_ThatMayBeAnother_IsNone(string text) => Assert.That(ImportOrder.TimeOf(text), Is.Null);
}
