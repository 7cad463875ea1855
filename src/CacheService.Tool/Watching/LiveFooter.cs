using System.Globalization;
using CacheService.Client;
using CacheService.Tool.Output;
using Spectre.Console;

namespace CacheService.Tool.Watching;

/// <summary>Says below a live table how old it is, and how its mirror is doing.</summary>
internal static class LiveFooter
{
    public static Markup Of(CountsMirror mirror, int shown)
    {
        var (name, color) = mirror.State switch
        {
            MirrorState.Live => ("LIVE", FeedStates.Color(FeedState.Live)),
            MirrorState.Starting => ("STARTING", FeedStates.Color(FeedState.Starting)),
            _ => ("STALE", FeedStates.Color(FeedState.Stale)),
        };
        var why = mirror.Detail is { Length: > 0 } detail ? $" ({PlainText.OneLine(detail).TrimEnd('.')})" : "";
        var facts = mirror is { Freshness: { } freshness, Age: { } age }
            ? string.Create(CultureInfo.InvariantCulture, $"{shown:N0} of {mirror.Count:N0} messages, revision {freshness.Revision}, age {Durations.Format(age)}, ")
            : "";
        return new Markup($"[grey]{facts}[/][{color.ToMarkup()}]{name}{Markup.Escape(why)}[/]");
    }
}
