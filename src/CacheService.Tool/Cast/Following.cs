using System.Text.RegularExpressions;

namespace CacheService.Tool.Cast;

/// <summary>One of a cast follows another, by name.</summary>
internal sealed partial record Following(string Follower, string Followed)
{
    /// <summary>Who follows whom by what the bios say: lovers the one that they are in love with, fairies their king and queen.</summary>
    public static IReadOnlyList<Following> Of(IReadOnlyList<CastMember> cast)
    {
        var unames = cast.Select(member => member.Uname).ToHashSet();
        var lovers = from lover in cast
                     let beloved = InLoveWith().Match(lover.Bio).Groups[1].Value
                     where unames.Contains(beloved)
                     select new Following(lover.Uname, beloved);
        var fairies = from fairy in cast
                      where fairy.Bio.Contains("#Fairies", StringComparison.Ordinal)
                      from ruler in cast
                      where ruler.Bio.Contains("of the fairies", StringComparison.Ordinal)
                      select new Following(fairy.Uname, ruler.Uname);
        return [.. lovers, .. fairies];
    }

    [GeneratedRegex(@"in love with #?([^.]+)\.")]
    private static partial Regex InLoveWith();
}
