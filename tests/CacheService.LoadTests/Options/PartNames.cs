namespace CacheService.LoadTests.Options;

/// <summary>The parts, as they are named on the command line, in the order in which they run.</summary>
internal static class PartNames
{
    public const string Reads = "reads";
    public const string Rpc = "rpc";
    public const string Writes = "writes";
    public const string Redis = "redis";
    public const string Freshness = "freshness";
    public const string Streams = "streams";
    public const string Apply = "apply";
    public const string Startup = "startup";

    public const string Series = "series";
    public const string Horizon = "horizon";

    /// <summary>What is measured where nobody says what.</summary>
    public static IReadOnlyList<string> Usual { get; } = [Reads, Rpc, Writes, Redis, Freshness, Streams, Apply, Startup];

    public static IReadOnlyList<string> All { get; } = [.. Usual, Series, Horizon];
}
