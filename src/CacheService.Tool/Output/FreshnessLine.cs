using CacheService.Client;
using Spectre.Console;

namespace CacheService.Tool.Output;

/// <summary>Says which snapshot an answer is from: revision, age and feed state; or that it is from the database.</summary>
internal static class FreshnessLine
{
    /// <summary>At a terminal below the table, else on the error stream, so that the output is rows alone.</summary>
    public static void Print(Terminal terminal, Freshness freshness)
    {
        var isFromDatabase = freshness.Source == ReadSource.Database;
        var origin = isFromDatabase ? $"from the database, age {Age(freshness)};" : $"revision {freshness.Revision}, age {Age(freshness)},";
        var state = isFromDatabase ? $"the cache is {FeedStates.Name(freshness.State)}" : FeedStates.Name(freshness.State);
        if (!terminal.Interactive)
        {
            terminal.Note($"{origin} {state}");
            return;
        }
        terminal.Console.MarkupLineInterpolated($"[grey]{origin}[/] [{FeedStates.Color(freshness.State).ToMarkup()}]{state}[/]");
    }

    private static string Age(Freshness freshness) => freshness.Age is { } age ? Durations.Format(age) : "unknown";
}
