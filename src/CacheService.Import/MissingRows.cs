namespace CacheService.Import;

/// <summary>Rows of a table that a file lacks, in SQL.</summary>
internal static class MissingRows
{
    /// <summary>A table, as a <c>from</c> clause has it, with the keys of the rows that neither the file has nor one of a later date.</summary>
    public static string Of(TargetTable target, Load load, NewerLoads newer) =>
        $"""
        (select {string.Join(", ", target.Key.Select(column => $"t.{column.Quoted}"))} from {target.Name} t
          where {string.Join(" and ", target.Key.Select(column => $"t.{column.Quoted} is not null"))} and not exists (select from {load.Stage} s where {Same("s", "t", target.Key)})
                {string.Concat(newer.Loads.Select(other => $" and not {Has(other, "t", target.Key)}"))}) as missing
        """;

    /// <summary>Whether a load of a later date has merged a row with that key.</summary>
    public static string Has(Load other, string alias, IReadOnlyList<KeyColumn> key) =>
        FormattableString.Invariant($"exists (select from {other.Stage} n where {Same("n", alias, key)}{(other.State == Load.Merging ? $" and n.{other.Number} <= {other.Place}" : "")})");

    /// <summary>Whether two rows have one key.</summary>
    public static string Same(string one, string other, IReadOnlyList<KeyColumn> key) => string.Join(" and ", key.Select(column => $"{one}.{column.Quoted} {column.Equal} {other}.{column.Quoted}"));
}
