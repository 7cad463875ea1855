namespace CacheService.LoadTests.Options;

/// <summary>The parts, as they are named on the command line, in the order in which they run.</summary>
internal static class PartNames
{
    public const string Reads = "reads";
    public const string Rpc = "rpc";
    public const string Writes = "writes";
    public const string Freshness = "freshness";
    public const string Startup = "startup";

    public static IReadOnlyList<string> All { get; } = [Reads, Rpc, Writes, Freshness, Startup];
}
