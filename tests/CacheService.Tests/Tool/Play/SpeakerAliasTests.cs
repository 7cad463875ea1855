using CacheService.Tool.Play;

namespace CacheService.Tests.Tool.Play;

public sealed class SpeakerAliasTests
{
    [TestCase("HERNIA=Hermia", "HERNIA", "Hermia")]
    [TestCase(" FIRST LORD = Peter Quince ", "FIRST LORD", "Peter Quince")]
    [TestCase("A=B=C", "A", "B=C")]
    public void Parse_SpeakerAndUser_AreTrimmed(string text, string speaker, string user) =>
        Assert.That(SpeakerAlias.Parse(text), Is.EqualTo(new SpeakerAlias(speaker, user)));

    [TestCase("")]
    [TestCase("HERNIA")]
    [TestCase("=Hermia")]
    [TestCase("HERNIA= ")]
    public void Parse_OneOfThemMissing_IsNull(string text) => Assert.That(SpeakerAlias.Parse(text), Is.Null);

    [Test]
    public void ToString_NameWithBlank_IsQuotedForTheShell() =>
        Assert.That(new SpeakerAlias("QUINCE", "Peter Quince").ToString(), Is.EqualTo("\"QUINCE=Peter Quince\""));
}
