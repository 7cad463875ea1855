using System.Globalization;

namespace CacheService.Import;

/// <summary>A file that is merged into a table: a row of <c>twimport.load</c>.</summary>
internal sealed record Load(long Id, string State, long Place, long LastLine, bool IsStaged, DateTimeOffset AsOf, bool IsOrdered)
{
    public const string Staging = "staging";
    public const string Merging = "merging";
    public const string Deleting = "deleting";
    public const string Done = "done";

    /// <summary>The table that holds the file's rows.</summary>
    public string Stage { get; init; } = string.Create(CultureInfo.InvariantCulture, $"twimport.stage_{Id}");

    /// <summary>The column of the stage by whose numbers rows are merged: their lines, or an order in which each comes after those that it refers to.</summary>
    public string Number => IsOrdered ? StageOrder.Column : Stager.Line;
}

/// <summary>The loads of a table whose files are of a later date than this one's.</summary>
/// <param name="Loads">They: what they had merged when this one began.</param>
/// <param name="SupersedesAll">Whether one of them has left nothing in the table but its own rows.</param>
internal sealed record NewerLoads(IReadOnlyList<Load> Loads, bool SupersedesAll);
