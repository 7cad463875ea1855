using nietras.SeparatedValues;

namespace CacheService.Import;

/// <summary>
/// Reads the rows of a text with separated values, strictly: a quote that stands where none may ends it, because everything up to the next one would be taken for one value.
/// As for PostgreSQL's COPY, nothing between two separators is NULL, and two quotes are an empty text.
/// </summary>
internal sealed class CsvReader : IDisposable
{
    /// <summary>Stands for bytes that are no text in the file's encoding. Unicode has no such character.</summary>
    public const char NoText = '\uFFFF';

    private readonly SepReader _rows;
    private long _line = 1;

    /// <param name="text">The text; it is disposed of with this.</param>
    /// <param name="separator">What stands between values.</param>
    public CsvReader(TextReader text, char separator)
    {
        _rows = Sep.New(separator).Reader(options => options with { HasHeader = false, DisableColCountCheck = true, Unescape = false }).From(text);
    }

    /// <summary>The next row; null: there is none.</summary>
    /// <exception cref="ImportException">The rest cannot be read.</exception>
    public CsvRow? Read()
    {
        try
        {
            if (!_rows.MoveNext())
            {
                return null;
            }
        }
        catch (Exception e) when (e is NotSupportedException or ArgumentException or InvalidDataException)
        {
            throw new ImportException($"line {_line}: a row begins here that is too long; is a quote opened and never closed?", e);
        }

        var row = _rows.Current;
        // Not the row's own number, which is wrong for the first one.
        var line = _line;
        _line = row.LineNumberToExcl;
        var values = new string?[row.ColCount];
        for (var column = 0; column < values.Length; column++)
        {
            if (!TryUnquote(row[column].Span, out values[column]))
            {
                throw new ImportException(
                    $"line {line}: value {column + 1} has a quote where none may stand, so that nobody can say where the row ends: "
                    + "write two quotes for one, and the value in quotes. Nothing was changed");
            }
        }

        return new CsvRow(line, values);
    }

    public void Dispose() => _rows.Dispose();

    private static bool TryUnquote(ReadOnlySpan<char> raw, out string? value)
    {
        var isQuoted = raw is ['"', .., '"'];
        value = raw.IsEmpty ? null : (isQuoted ? raw[1..^1] : raw).ToString();
        if (value is null || !value.Contains('"', StringComparison.Ordinal))
        {
            return true;
        }

        var unquoted = value.Replace("\"\"", "", StringComparison.Ordinal);
        value = value.Replace("\"\"", "\"", StringComparison.Ordinal);
        return isQuoted && !unquoted.Contains('"', StringComparison.Ordinal);
    }
}
