using CacheService.Counts;

namespace CacheService.Tests.Counts;

internal sealed class PgSnapshotTests
{
    [TestCase(9UL, true, Description = "below xmin")]
    [TestCase(10UL, false, Description = "in progress")]
    [TestCase(11UL, true, Description = "ended between two that run")]
    [TestCase(14UL, false, Description = "in progress")]
    [TestCase(19UL, true)]
    [TestCase(20UL, false, Description = "xmax")]
    [TestCase(ulong.MaxValue, false)]
    public void Includes_OfATransaction_FollowsPostgresRule(ulong xid, bool included) =>
        Assert.That(PgSnapshot.Parse("10:20:10,14,15").Includes(xid), Is.EqualTo(included));

    [TestCase("10:20:10,14,15")]
    [TestCase("773:773:")]
    [TestCase("18446744073709551610:18446744073709551615:18446744073709551611")]
    public void Parse_OfASnapshot_KeepsItsText(string text) => Assert.That(PgSnapshot.Parse(text).ToString(), Is.EqualTo(text));

    [TestCase("")]
    [TestCase("10:20")]
    [TestCase("10:x:")]
    [TestCase("10:20:1,,2")]
    [TestCase("10:-20:")]
    [TestCase("1:2:3:4")]
    public void Parse_OfSomethingElse_IsAFormatError(string text) => Assert.That(() => PgSnapshot.Parse(text), Throws.TypeOf<FormatException>());

    [TestCase("10:10:", "10:10:", true)]
    [TestCase("10:10:", "11:11:", true)]
    [TestCase("11:11:", "10:10:", false)]
    [TestCase("10:12:10,11", "10:10:", true, Description = "what it has more is in progress")]
    [TestCase("10:12:10", "10:10:", false)]
    [TestCase("10:12:10", "10:13:10", true)]
    [TestCase("12:12:", "10:13:10", false, Description = "10 has ended here, and not there")]
    [TestCase("10:13:10", "12:13:", true)]
    public void IsContainedIn_AnotherSnapshot_IsWhetherThatIncludesAllOfIt(string one, string other, bool expected) =>
        Assert.That(PgSnapshot.Parse(one).IsContainedIn(PgSnapshot.Parse(other)), Is.EqualTo(expected));
}
