using System.Globalization;
using CacheService.Reading;

namespace CacheService.Tests.Reading;

internal sealed class ReadChecksTests
{
    private const int Most = 3;

    [Test]
    public void MessageIds_Good_AreACopy()
    {
        List<long> sent = [1, long.MaxValue, 1];
        var ids = ReadChecks.MessageIds(sent, Most);
        sent[0] = 5;
        Assert.That(ids, Is.EqualTo(new[] { 1, long.MaxValue, 1 }));
    }

    [TestCase(new long[0], "message_ids is empty; name at least one message")]
    [TestCase(new long[] { 1, 2, 3, 4 }, "message_ids has 4 ids; split it into requests of at most 3")]
    [TestCase(new long[] { 1, 0 }, "message_ids[1] is 0; ids are 1 or more")]
    [TestCase(new long[] { long.MinValue }, "message_ids[0] is -9223372036854775808; ids are 1 or more")]
    public void MessageIds_Bad_AreRefusedInWords(long[] sent, string words) => AssertRefused(() => ReadChecks.MessageIds(sent, Most), words);

    [TestCase(0)]
    [TestCase(-1)]
    public void MessageId_Bad_IsRefusedInWords(long sent) => AssertRefused(() => ReadChecks.MessageId(sent), $"message_id is {sent}; ids are 1 or more");

    [TestCase("", "0001-01-01")]
    [TestCase("2026-11-29", "2026-11-29")]
    [TestCase("9999-12-31", "9999-12-31")]
    public void Day_Good_IsThatOrNone(string sent, string expected) =>
        Assert.That(ReadChecks.Day(sent, "from", DateOnly.MinValue), Is.EqualTo(DateOnly.Parse(expected, CultureInfo.InvariantCulture)));

    [Test]
    public void Day_Bad_IsRefusedInWords([Values("2026-02-30", "29.11.2026", "2026-1-1", " 2026-11-29", "0000-01-01", "x")] string sent) =>
        AssertRefused(() => ReadChecks.Day(sent, "from", default), "from is no day; write it as in 2026-11-29, or leave it empty");

    [TestCase(0, 1000, 10)]
    [TestCase(0, 4, 4)]
    [TestCase(1, 4, 1)]
    [TestCase(4, 4, 4)]
    public void TopLimit_Good_IsThatOrTheDefault(int sent, int most, int expected) => Assert.That(ReadChecks.TopLimit(sent, most), Is.EqualTo(expected));

    [TestCase(-1)]
    [TestCase(5)]
    [TestCase(int.MinValue)]
    public void TopLimit_Bad_IsRefusedInWords(int sent) => AssertRefused(() => ReadChecks.TopLimit(sent, 4), $"limit is {sent}; ask for 1 to 4 messages");

    [Test]
    public void Xid_OfNoTransaction_IsRefusedInWords([Values(0UL, 2UL)] ulong sent) =>
        AssertRefused(() => ReadChecks.Xid(sent), $"at_least_xid is {sent}; take it from `select pg_current_xact_id()` within the writing transaction");

    [Test]
    public void Xid_OfATransaction_IsTaken([Values(3UL, ulong.MaxValue)] ulong sent) => Assert.That(ReadChecks.Xid(sent), Is.EqualTo(sent));

    private static void AssertRefused(Action check, string words)
    {
        var refused = Assert.Throws<ReadRefusedException>(() => check())!;
        Assert.That((refused.Refusal, refused.Message), Is.EqualTo((ReadRefusal.BadRequest, words)));
    }
}
