using CacheService.Tool.Output;

namespace CacheService.Tests.Tool.Output;

public sealed class SpellingTests
{
    [TestCase("HERNIA", "Hermia")]
    [TestCase("helena", "Helena")]
    [TestCase("Helna", "Helena")]
    [TestCase("Titaniaa", "Titania")]
    [TestCase("Ghost", null)]
    [TestCase("Al", null)]
    public void Closest_Name_IsTheCandidateThatDiffersLeast(string name, string? expected) =>
        Assert.That(Spelling.Closest(name, ["Helena", "Hermia", "Titania", "All"]), Is.EqualTo(expected));

    [TestCase("", "", 0)]
    [TestCase("abc", "", 3)]
    [TestCase("kitten", "sitting", 3)]
    [TestCase("HERNIA", "HERMIA", 1)]
    public void Distance_TwoWords_IsTheNumberOfEdits(string a, string b, int edits)
    {
        Assert.That(Spelling.Distance(a, b), Is.EqualTo(edits));
        Assert.That(Spelling.Distance(b, a), Is.EqualTo(edits));
    }
}
