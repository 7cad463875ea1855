using System.Globalization;
using System.Text.Json;

namespace CacheService.Import;

/// <summary>Writes rejected rows as a file that can be mended and imported again.</summary>
internal static class RejectsFile
{
    /// <summary>Writes them: why each was rejected comes first, so that one with too many values is readable too.</summary>
    public static async Task WriteAsync(TextWriter writer, IReadOnlyList<string> columns, IEnumerable<RejectedRow> rows)
    {
        await writer.WriteLineAsync(string.Join(',', columns.Prepend(FileColumns.ErrorColumn).Prepend(FileColumns.LineColumn).Select(Quote)));
        foreach (var row in rows)
        {
            using var json = JsonDocument.Parse(row.Row);
            // What could not be taken apart has one value, without a name.
            var values = json.RootElement.TryGetProperty("", out var raw)
                ? [raw.GetString()]
                : columns.Select(column => json.RootElement.TryGetProperty(column, out var value) ? Text(value) : null);
            await writer.WriteLineAsync(string.Join(',', values.Prepend(row.Error).Prepend(row.Line?.ToString(CultureInfo.InvariantCulture)).Select(Quote)));
        }
    }

    private static string? Text(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Null => null,
        JsonValueKind.String => value.GetString(),
        _ => value.GetRawText(),
    };

    private static string Quote(string? value) => value is null ? ""
        : value.Length > 0 && value.AsSpan().IndexOfAny(",\"\n\r") < 0 ? value
        : $"\"{value.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}
