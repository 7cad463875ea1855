using CacheService.Tool.Output;

namespace CacheService.Tool.Play;

/// <summary>Finds the user that each speaker is: by alias, else by uname or nickname, without regard to case.</summary>
internal sealed class SpeakerMatcher
{
    private const int MaxLinesNamed = 10;

    private readonly IReadOnlyList<TweetUser> _users;
    private readonly ILookup<string, TweetUser> _byName;
    private readonly IReadOnlyDictionary<string, SpeakerAlias> _aliases;

    public SpeakerMatcher(IReadOnlyList<TweetUser> users, IEnumerable<SpeakerAlias> aliases)
    {
        _users = users;
        _byName = users
            .SelectMany(u => new[] { u.Uname, u.Nickname }.OfType<string>().Distinct(StringComparer.OrdinalIgnoreCase), (u, name) => (u, name))
            .ToLookup(named => named.name, named => named.u, StringComparer.OrdinalIgnoreCase);
        _aliases = aliases.ToDictionary(a => a.Speaker, StringComparer.OrdinalIgnoreCase);
    }

    /// <summary>The user of every speaker, by the speaker's name without regard to case.</summary>
    /// <exception cref="ToolException">For some speakers there is no user, or more than one; all are named.</exception>
    public IReadOnlyDictionary<string, TweetUser> Match(IReadOnlyList<Speech> speeches, string play)
    {
        if (_users.Count == 0)
            throw new ToolException("tweet.users is empty, so nobody can speak: run tweetcounts load-cast first");

        var matched = new Dictionary<string, TweetUser>(StringComparer.OrdinalIgnoreCase);
        var unknown = new List<string>();
        var mending = new List<SpeakerAlias>();
        var problems = new List<string>();
        foreach (var speaker in speeches.GroupBy(s => s.Speaker, StringComparer.OrdinalIgnoreCase))
        {
            var alias = _aliases.GetValueOrDefault(speaker.Key);
            var users = alias is null ? [.. _byName[speaker.Key]] : Named(alias.User);
            if (users is [var user])
            {
                matched.Add(speaker.Key, user);
            }
            else if (users.Count > 1)
            {
                problems.Add($"{alias?.User ?? speaker.Key} ({Lines(speaker)}) can be {string.Join(" or ", users.Select(u => u.Uname))}");
                mending.Add(new SpeakerAlias(speaker.Key, users[0].Uname));
            }
            else if (alias is not null)
            {
                problems.Add($"--alias {alias}: nobody is called {alias.User}");
                mending.Add(Suggest(speaker.Key, alias.User));
            }
            else
            {
                unknown.Add($"{speaker.Key} ({Lines(speaker)})");
                mending.Add(Suggest(speaker.Key, speaker.Key));
            }
        }

        if (unknown.Count > 0)
            problems.Insert(0, $"nobody in tweet.users is called {string.Join(" or ", unknown)}");
        if (problems.Count > 0)
            throw new ToolException($"{play}: {string.Join("; ", problems)}. Nothing was written. {HowToMend(matched.Count == 0, mending)}");
        return matched;
    }

    /// <summary>The aliases whose speaker says nothing in the play: likely misspelt.</summary>
    public IEnumerable<SpeakerAlias> Unused(IEnumerable<Speech> speeches) =>
        _aliases.Values.ExceptBy(speeches.Select(s => s.Speaker), a => a.Speaker, StringComparer.OrdinalIgnoreCase);

    // An exact uname names one user even where others differ from it only in case, so every ambiguity can be mended.
    private IReadOnlyList<TweetUser> Named(string name) =>
        _byName[name].FirstOrDefault(u => u.Uname == name) is { } exact ? [exact] : [.. _byName[name]];

    private SpeakerAlias Suggest(string speaker, string misspelt) =>
        new(speaker, Spelling.Closest(misspelt, _byName.Select(named => named.Key)) ?? "USER");

    private static string HowToMend(bool nobodyMatched, IEnumerable<SpeakerAlias> mending)
    {
        var aliases = string.Join(' ', mending.Select(a => $"--alias {a}"));
        return nobodyMatched
            ? $"Add the users (tweetcounts load-cast adds those of the article series), or name one for each speaker: {aliases}"
            : $"Name a user for each: {aliases}";
    }

    private static string Lines(IGrouping<string, Speech> speaker)
    {
        var lines = speaker.Select(s => s.SpeakerLine).ToList();
        var named = string.Join(", ", lines.Take(MaxLinesNamed));
        var more = lines.Count > MaxLinesNamed ? $" and {lines.Count - MaxLinesNamed} more" : "";
        return (lines.Count == 1 ? "line " : "lines ") + named + more;
    }
}
