namespace CacheService.Tool.Output;

/// <summary>Guesses which name was meant.</summary>
internal static class Spelling
{
    /// <summary>The candidate that differs least from the name, by at most two letters and a third of it; else null.</summary>
    public static string? Closest(string name, IEnumerable<string> candidates)
    {
        var allowed = Math.Min(2, name.Length / 3);
        return candidates
            .Where(candidate => Math.Abs(candidate.Length - name.Length) <= allowed)
            .Select(candidate => (candidate, distance: Distance(name.ToUpperInvariant(), candidate.ToUpperInvariant())))
            .Where(rated => rated.distance <= allowed)
            .OrderBy(rated => rated.distance).ThenBy(rated => rated.candidate, StringComparer.Ordinal)
            .Select(rated => rated.candidate)
            .FirstOrDefault();
    }

    /// <summary>How many letters must be added, dropped or changed to make one word of the other.</summary>
    internal static int Distance(string a, string b)
    {
        var previous = Enumerable.Range(0, b.Length + 1).ToArray();
        foreach (var (i, letter) in a.Index())
        {
            var current = new int[b.Length + 1];
            current[0] = i + 1;
            for (var j = 1; j <= b.Length; j++)
            {
                var change = previous[j - 1] + (letter == b[j - 1] ? 0 : 1);
                current[j] = Math.Min(change, Math.Min(previous[j], current[j - 1]) + 1);
            }
            previous = current;
        }
        return previous[b.Length];
    }
}
