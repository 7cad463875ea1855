using System.Globalization;

namespace CacheService.Import;

/// <summary>A file that is merged into a table: a row of <c>twimport.load</c>.</summary>
internal sealed record Load(long Id, string State, long Place, long LastLine, bool IsStaged, DateTimeOffset AsOf)
{
    public const string Staging = "staging";
    public const string Merging = "merging";
    public const string Deleting = "deleting";
    public const string Done = "done";

    /// <summary>The table that holds the file's rows.</summary>
    public string Stage { get; init; } = string.Create(CultureInfo.InvariantCulture, $"twimport.stage_{Id}");
}

/// <summary>The loads of a table whose files are of a later date than this one's.</summary>
/// <param name="Loads">They: what they had merged when this one began.</param>
/// <param name="SupersedesAll">Whether one of them has left nothing in the table but its own rows.</param>
internal sealed record NewerLoads(IReadOnlyList<Load> Loads, bool SupersedesAll);
