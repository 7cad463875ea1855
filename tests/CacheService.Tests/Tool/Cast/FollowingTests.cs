using CacheService.Tool.Cast;

namespace CacheService.Tests.Tool.Cast;

public sealed class FollowingTests
{
    [Test]
    public void Of_Cast_HasFourInLoveAndFiveFairiesWithTheirKingAndQueen()
    {
        string[] fairies = ["Peaseblossom", "Cobweb", "Moth", "Mustardseed", "Fairy"];

        Assert.That(Following.Of(CastFile.Read()), Is.EquivalentTo((Following[])
        [
            new("Lysander", "Hermia"), new("Demetrius", "Hermia"), new("Hermia", "Lysander"), new("Helena", "Demetrius"),
            .. fairies.SelectMany(fairy => (Following[])[new(fairy, "Oberon"), new(fairy, "Titania")]),
        ]));
    }

    [Test]
    public void Of_ALoverOfNobodyInTheCast_IsEmpty() => Assert.That(Following.Of([new("Narcissus", "N", "in love with #Echo.", [])]), Is.Empty);
}
