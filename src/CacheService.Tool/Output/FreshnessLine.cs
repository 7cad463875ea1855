using CacheService.Client;
using Spectre.Console;

namespace CacheService.Tool.Output;

/// <summary>Says which snapshot an answer is from: revision, age and feed state.</summary>
internal static class FreshnessLine
{
    /// <summary>At a terminal below the table, else on the error stream, so that the output is rows alone.</summary>
    public static void Print(Terminal terminal, Freshness freshness)
    {
        if (!terminal.Interactive)
        {
            terminal.Note($"revision {freshness.Revision}, age {Age(freshness)}, {FeedStates.Name(freshness.State)}");
            return;
        }
        terminal.Console.MarkupLineInterpolated(
            $"[grey]revision {freshness.Revision}, age {Age(freshness)},[/] [{FeedStates.Color(freshness.State).ToMarkup()}]{FeedStates.Name(freshness.State)}[/]");
    }

    private static string Age(Freshness freshness) => freshness.Age is { } age ? Durations.Format(age) : "unknown";
}
