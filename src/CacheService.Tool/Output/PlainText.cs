using System.Text;

namespace CacheService.Tool.Output;

internal static class PlainText
{
    /// <summary>
    /// The text in one line, blanks and control characters folded into single spaces: what other people wrote must
    /// not move the cursor, nor break a line that a script reads.
    /// </summary>
    public static string OneLine(string text)
    {
        var line = new StringBuilder(text.Length);
        foreach (var c in text)
        {
            if (!char.IsWhiteSpace(c) && !char.IsControl(c))
                line.Append(c);
            else if (line.Length > 0 && line[^1] != ' ')
                line.Append(' ');
        }
        return line.ToString().TrimEnd();
    }

    /// <summary>At most <paramref name="length"/> characters of one line, with an ellipsis where it was cut.</summary>
    public static string Shorten(string text, int length)
    {
        var line = OneLine(text);
        if (line.Length <= length)
            return line;

        // A surrogate pair stays whole.
        var cut = char.IsHighSurrogate(line[length - 2]) ? length - 2 : length - 1;
        return string.Concat(line.AsSpan(0, cut).TrimEnd(), "…");
    }
}
