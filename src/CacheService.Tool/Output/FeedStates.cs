using CacheService.Client;
using Spectre.Console;

namespace CacheService.Tool.Output;

internal static class FeedStates
{
    /// <summary>LIVE, STALE, SYNCING, STARTING or UNKNOWN.</summary>
    public static string Name(FeedState state) => state switch
    {
        FeedState.Starting => "STARTING",
        FeedState.Syncing => "SYNCING",
        FeedState.Live => "LIVE",
        FeedState.Stale => "STALE",
        _ => "UNKNOWN",
    };

    public static Color Color(FeedState state) => state switch
    {
        FeedState.Live => Spectre.Console.Color.Green,
        FeedState.Stale => Spectre.Console.Color.Red,
        _ => Spectre.Console.Color.Yellow,
    };
}
