using CacheService.Tool.Cast;

namespace CacheService.Tests.Tool.Cast;

public sealed class CastFileTests
{
    private static readonly string[] Unames =
    [
        "Theseus", "Egeus", "Lysander", "Demetrius", "Philostrate", "Peter Quince", "Snug", "Nick Bottom", "Francis Flute", "Tom Snout",
        "Robin Starveling", "Hippolyta", "Hermia", "Helena", "Oberon", "Titania", "Puck", "Peaseblossom", "Cobweb", "Moth", "Mustardseed",
        "All", "Fairy", "Prologue", "Wall", "Pyramus", "Thisbe", "Lion", "Moonshine",
    ];

    [Test]
    public void Read_Cast_IsTheTwentyNineUsersOfTheSeries() => Assert.That(CastFile.Read().Select(c => c.Uname), Is.EqualTo(Unames));

    [Test]
    public void Read_Nicknames_AreWhatThePlayCallsThem() =>
        Assert.That(CastFile.Read().Select(c => c.Nickname), Is.EqualTo(Unames.Select(uname => uname.Split(' ')[^1])));

    [Test]
    public void Read_EachMember_HasABioAndTwoOrThreeShortMessages()
    {
        foreach (var member in CastFile.Read())
        {
            Assert.That(member.Bio, Is.Not.Empty, member.Uname);
            Assert.That(member.Messages, Has.Count.InRange(2, 3), member.Uname);
            Assert.That(member.Messages, Has.All.Length.InRange(1, 140), member.Uname);
            Assert.That(member.Messages, Is.Unique, member.Uname);
        }
    }
}
