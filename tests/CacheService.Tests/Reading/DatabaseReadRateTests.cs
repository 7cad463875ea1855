using CacheService.Reading;

namespace CacheService.Tests.Reading;

internal sealed class DatabaseReadRateTests
{
    [Test]
    public void Pass_MoreOftenThanAllowed_IsRefused()
    {
        using var rate = new DatabaseReadRate(3);
        var passed = 0;
        var refused = Assert.Throws<ReadRefusedException>(() =>
        {
            for (; passed < 100; passed++)
            {
                rate.Pass();
            }
        })!;

        Assert.That(passed, Is.InRange(3, 50), "a second's, and what came meanwhile");
        Assert.That(refused.Refusal, Is.EqualTo(ReadRefusal.TooManyDatabaseReads));
        Assert.That(refused.Message, Does.StartWith("more than 3 reads a second"));
    }

    [Test]
    public void Pass_WhereNoneIsAllowed_IsRefused()
    {
        using var rate = new DatabaseReadRate(0);
        Assert.That(Assert.Throws<ReadRefusedException>(rate.Pass)!.Refusal, Is.EqualTo(ReadRefusal.TooManyDatabaseReads));
    }
}
