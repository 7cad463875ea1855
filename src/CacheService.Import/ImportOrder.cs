using System.Globalization;

namespace CacheService.Import;

/// <summary>Which file goes into which table, and how.</summary>
internal sealed record ImportOrder
{
    /// <summary>The orders in which dates are written.</summary>
    public static readonly string[] DateOrders = ["ymd", "dmy", "mdy"];

    private const string DatesWord = "dates";
    private const string DateForm = "yyyy-MM-dd";

    /// <summary>Where the file is.</summary>
    public required string Path { get; init; }

    /// <summary>What people know the file by.</summary>
    public required string Name { get; init; }

    /// <summary>The table, as SQL names it.</summary>
    public required string Table { get; init; }

    /// <summary>The columns by which a row is found again; none: rows are only added, and a file counts once, however often it is loaded.</summary>
    public IReadOnlyList<string> Key { get; init; } = [];

    /// <summary>The table's columns in the file's order, in place of its header; a hyphen leaves one out. Empty: as the header says.</summary>
    public IReadOnlyList<string> Columns { get; init; } = [];

    /// <summary>What the file may call columns besides their names.</summary>
    public IReadOnlyDictionary<string, string> Aliases { get; init; } = new Dictionary<string, string>();

    /// <summary>Whether the first line says what the columns are.</summary>
    public bool HasHeader { get; init; } = true;

    /// <summary>What stands between values; null: found out from the header.</summary>
    public char? Separator { get; init; }

    /// <summary>How the file is encoded where it has no byte order mark.</summary>
    public string Encoding { get; init; } = "utf-8";

    /// <summary>What stands for NULL, beside nothing at all between two separators; null: nothing else.</summary>
    public string? NullText { get; init; }

    /// <summary>In which order dates such as 1/2/2017 are written: ymd, dmy or mdy.</summary>
    public string DateOrder { get; init; } = "ymd";

    /// <summary>The file's date; null: when it was last written to.</summary>
    public DateTimeOffset? AsOf { get; init; }

    /// <summary>Whether rows that the file does not have are deleted.</summary>
    public bool DeleteMissing { get; init; }

    /// <summary>How many percent of the table's rows may be missing before that is taken for a mistake.</summary>
    public double MaxDeletePercent { get; init; } = 10;

    /// <summary>How many rows may be rejected before the file is taken for a wrong one.</summary>
    public int MaxRejects { get; init; } = 10_000;

    /// <summary>Whether it only says what it would do.</summary>
    public bool IsDryRun { get; init; }

    /// <summary>The share of its time for which it works; the rest it pauses.</summary>
    public double MaxLoad { get; init; } = 0.1;

    /// <summary>The same file as activity: rows that are added, each once.</summary>
    public ImportOrder OfActivity() => this with
    {
        Table = "tweet.activity",
        Key = [],
        Aliases = new Dictionary<string, string> { ["message"] = "messageid", ["time"] = "datetime" },
    };

    /// <summary>What changes what the file says, in words, so that only the same is resumed.</summary>
    public string ReadingOptions => string.Join('\n', (string?[])
    [
        HasHeader ? "header" : "no header",
        Separator is { } separator ? $"separator {separator}" : null,
        $"encoding {Encoding}",
        NullText is null ? null : $"null {NullText}",
        $"{DatesWord} {DateOrder}",
    ]);

    /// <summary>The order of dates, as <see cref="ReadingOptions"/> has it.</summary>
    /// <exception cref="ImportException">Somebody has written something else there.</exception>
    public static string DateOrderOf(string readingOptions) => readingOptions.Split('\n')[^1].Split(' ') is [DatesWord, var order] && DateOrders.Contains(order) ? order
        : throw new ImportException("how the dates of the file are meant is not known any more: twimport.load has options that no import has written");

    /// <summary>A time as people write it, its date first; null: it is none. Of two numbers, or of a time alone, nobody can say which day is meant.</summary>
    public static DateTimeOffset? TimeOf(string text) =>
        text.Length >= DateForm.Length && DateOnly.TryParseExact(text.AsSpan(0, DateForm.Length), DateForm, CultureInfo.InvariantCulture, DateTimeStyles.None, out _)
        && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) ? time : null;

    /// <summary>A separator as people write it; null: it is none.</summary>
    public static char? SeparatorOf(string text) => text switch
    {
        "tab" or "\\t" => '\t',
        // The reader takes no other.
        [var one] when one is > ' ' and <= '~' and not ('"' or '#') && !char.IsAsciiLetterOrDigit(one) => one,
        _ => null,
    };
}
