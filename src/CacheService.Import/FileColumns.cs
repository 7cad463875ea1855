namespace CacheService.Import;

/// <summary>Which of the table's columns a file has, and where.</summary>
/// <param name="Separator">What stands between values.</param>
/// <param name="Header">The values of the header; null: there is none.</param>
/// <param name="All">For each value of a row its column; null: it is left out.</param>
internal sealed record FileColumns(char Separator, CsvRow? Header, IReadOnlyList<TargetColumn?> All)
{
    /// <summary>What a file of rejected rows has beside the values.</summary>
    public const string LineColumn = "import_line";

    /// <inheritdoc cref="LineColumn"/>
    public const string ErrorColumn = "import_error";

    /// <summary>The columns of the table.</summary>
    public IReadOnlyList<TargetColumn> Columns { get; } = [.. All.OfType<TargetColumn>()];

    /// <summary>Their names.</summary>
    public IReadOnlyList<string> Names => [.. Columns.Select(column => column.Name)];

    /// <summary>The values of a row as texts, in JSON, in SQL: so they can be read, mended, and tried again, whatever their types.</summary>
    public string TextsOf(string alias) =>
        $"(select to_jsonb(texts) from (select {string.Join(", ", Columns.Select(column => $"{alias}.{column.Quoted}::text as {column.Quoted}"))}) as texts)";

    /// <summary>Finds out which columns a file has.</summary>
    /// <exception cref="ImportException">They are not the table's.</exception>
    public static FileColumns Find(ImportOrder order, CsvFile file, TargetTable target)
    {
        var columns = file.Headers.Select(header => Match(order, header.Separator, header.FirstRow, target)).ToList();
        // The separator by which the columns are the table's; else the one that makes the most of them, so that what is wrong is told of those.
        var best = columns.FirstOrDefault(each => each.Error is null);
        best = best.Columns is null ? columns.MaxBy(each => each.Width) : best;
        return best.Error is null ? best.Columns! : throw new ImportException(best.Error);
    }

    private static (FileColumns? Columns, string? Error, int Width) Match(ImportOrder order, char separator, CsvRow first, TargetTable target)
    {
        var names = order.Columns.Count > 0 ? order.Columns
            : order.HasHeader ? first.Values.Select(value => value ?? "").ToList()
            : [.. target.Columns.Where(column => column.IsWritten).Select(column => column.Name)];
        if (names.Count != first.Values.Length)
        {
            return (null, $"line {first.Line} has {first.Values.Length} values, and {names.Count} columns are named", first.Values.Length);
        }

        var all = names.Select(name => IsLeftOut(name) ? null : Find(name, order, target)).ToList();
        var problems = new List<string>();
        for (var place = 0; place < names.Count; place++)
        {
            if (IsLeftOut(names[place]))
            {
                continue;
            }

            if (all[place] is not { } column)
            {
                problems.Add($"column {place + 1}, '{names[place]}', is none of the table's");
            }
            else if (!column.IsWritten)
            {
                problems.Add($"column {place + 1}, {column.Name}, is made by the database itself, and cannot be written to");
            }
            else if (all.Take(place).Contains(column))
            {
                problems.Add($"{column.Name} is there twice, as column {all.IndexOf(column) + 1} and as column {place + 1}");
            }
        }

        problems.AddRange(order.Key.Where(key => all.All(column => column?.Name != key)).Select(key => $"the key {key} is not among the columns"));
        var columns = new FileColumns(separator, order.HasHeader ? first : null, all);
        return problems.Count == 0 ? (columns, null, all.Count) : (
            null,
            $"line {first.Line}: {string.Join("; ", problems.Take(10))}. {target.Name} has {target.AllNames}. "
            + "Nothing was changed; name the columns in the file's order (a hyphen leaves one out) if its header does not",
            all.Count);
    }

    private static bool IsLeftOut(string name) => name is "-" or LineColumn or ErrorColumn;

    private static TargetColumn? Find(string name, ImportOrder order, TargetTable target)
    {
        var wanted = name.Trim();
        wanted = order.Aliases.GetValueOrDefault(wanted.ToLowerInvariant(), wanted);
        return target.Columns.FirstOrDefault(column => column.Name == wanted)
            ?? (target.Columns.Where(column => string.Equals(column.Name, wanted, StringComparison.OrdinalIgnoreCase)).ToList() is [var only] ? only : null);
    }
}
