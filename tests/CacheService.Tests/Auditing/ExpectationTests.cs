using CacheService.Auditing;
using CacheService.Counts;

namespace CacheService.Tests.Auditing;

internal sealed class ExpectationTests
{
    [Test]
    public void TryAdd_OfActivity_AddsUp()
    {
        Assert.That(Expectation.TryAdd(new AuditedCounts(5, 6), new CountChange(1, 2, -7, 0), out var expected));
        Assert.That(expected, Is.EqualTo(new AuditedCounts(7, -1)));
    }

    [Test]
    public void TryAdd_OfNothingToNothing_ExpectsNothing()
    {
        Assert.That(Expectation.TryAdd(null, default, out var expected));
        Assert.That(expected, Is.Null);
    }

    [Test]
    public void TryAdd_OfABirth_ExpectsWhatItCameWith()
    {
        Assert.That(Expectation.TryAdd(null, new CountChange(1, 2, 3, 1), out var expected));
        Assert.That(expected, Is.EqualTo(new AuditedCounts(2, 3)));
    }

    [Test]
    public void TryAdd_OfAnEnd_ExpectsNothing()
    {
        Assert.That(Expectation.TryAdd(new AuditedCounts(5, 6), new CountChange(1, -5, -6, -1), out var expected));
        Assert.That(expected, Is.Null);
    }

    [TestCase(true, 1)]
    [TestCase(false, -1)]
    public void TryAdd_OfASecondBirthOrEnd_IsFalse(bool counted, int born) =>
        Assert.That(Expectation.TryAdd(counted ? new AuditedCounts(0, 0) : null, new CountChange(1, 0, 0, born), out _), Is.False);

    [Test]
    public void Correction_OfEachKind_LeadsFromActualToExpected()
    {
        var store = new CountsStore(10);
        store.Load([new CountedMessage(1, new MessageCounts(5, 6, 0)), new CountedMessage(2, new MessageCounts(7, 8, 0))], PgSnapshot.Parse("10:10:"), 0);
        AuditDifference[] differences =
        [
            new(1, new AuditedCounts(4, 9), new AuditedCounts(5, 6)),
            new(2, null, new AuditedCounts(7, 8)),
            new(3, new AuditedCounts(1, -1), null),
        ];
        store.Apply([.. differences.Select(difference => difference.Correction)], PgSnapshot.Parse("20:20:"), 0);

        foreach (var difference in differences)
        {
            store.Read(difference.MessageId, out var counts);
            AuditedCounts? now = counts is { } known ? new AuditedCounts(known.Retweets, known.Likes) : null;
            Assert.That(now, Is.EqualTo(difference.Expected), $"message {difference.MessageId}");
        }
    }
}
