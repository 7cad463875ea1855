using CacheService.Tool.Output;

namespace CacheService.Tests.Tool.Output;

public sealed class PlainTextTests
{
    [TestCase("one\ntwo\tthree", "one two three")]
    [TestCase("  a   b  ", "a b")]
    [TestCase("\u001b[2Jgone\u0007", "[2Jgone")]
    [TestCase("", "")]
    public void OneLine_BlanksAndControlCharacters_AreSingleSpaces(string text, string line) =>
        Assert.That(PlainText.OneLine(text), Is.EqualTo(line));

    [TestCase("short", 5, "short")]
    [TestCase("rather long", 8, "rather…")]
    [TestCase("longer", 4, "lon…")]
    [TestCase("ab\U0001F319cd", 4, "ab…")]
    public void Shorten_LongText_EndsInAnEllipsis(string text, int length, string expected) =>
        Assert.That(PlainText.Shorten(text, length), Is.EqualTo(expected));
}
