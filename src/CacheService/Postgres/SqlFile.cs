using System.Globalization;
using System.Text.RegularExpressions;

namespace CacheService.Postgres;

/// <summary>A file of <c>sql/</c>.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Version">Of its text: what the database's record must say.</param>
/// <param name="Text">All of it, as psql runs it.</param>
internal sealed partial record SqlFile(string Name, int Version, string Text)
{
    /// <summary>The text without its own transaction, to run several files in one.</summary>
    public string Statements => TransactionLines().Replace(Text, "");

    /// <summary>A file by its name and text.</summary>
    public static SqlFile Parse(string name, string text)
    {
        var finish = FinishLine().Match(text);
        return finish.Success && finish.Groups["name"].Value == name
            ? new(name, int.Parse(finish.Groups["version"].ValueSpan, CultureInfo.InvariantCulture), text)
            : throw new FormatException($"sql/{name} does not end with twcache.finish_file and its own name.");
    }

    [GeneratedRegex("""^(begin isolation level read committed read write|commit);$""", RegexOptions.Multiline)]
    private static partial Regex TransactionLines();

    [GeneratedRegex("""^select twcache\.finish_file\('(?<name>[^']+)', (?<version>\d+)\);$""", RegexOptions.Multiline)]
    private static partial Regex FinishLine();
}
