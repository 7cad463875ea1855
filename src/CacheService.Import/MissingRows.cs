namespace CacheService.Import;

/// <summary>Rows of a table that a file lacks, in SQL.</summary>
internal static class MissingRows
{
    /// <summary>A table, as a <c>from</c> clause has it, with the keys of the rows that neither the file has nor one of a later date.</summary>
    public static string Of(TargetTable target, IReadOnlyList<string> key, Load load, NewerLoads newer) =>
        $"""
        (select {string.Join(", ", key.Select(column => $"t.{column}"))} from {target.Name} t
          where {string.Join(" and ", key.Select(column => $"t.{column} is not null"))} and not exists (select from {load.Stage} s where {Same("s", "t", key)})
                {string.Concat(newer.Loads.Select(other => $" and not {Has(other, "t", key)}"))}) as missing
        """;

    /// <summary>Whether a load of a later date has merged a row with that key.</summary>
    public static string Has(Load other, string alias, IReadOnlyList<string> key) =>
        FormattableString.Invariant($"exists (select from {other.Stage} n where {Same("n", alias, key)}{(other.State == Load.Merging ? $" and n.{Stager.Line} <= {other.Place}" : "")})");

    /// <summary>Whether two rows have one key.</summary>
    public static string Same(string one, string other, IReadOnlyList<string> key) => string.Join(" and ", key.Select(column => $"{one}.{column} = {other}.{column}"));
}
