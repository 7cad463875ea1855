using System.Collections.Concurrent;
using System.Globalization;

namespace CacheService.IntegrationTests.Faults;

/// <summary>What each fault did; printed after the last one.</summary>
internal static class FaultTable
{
    private static readonly string[] Header = ["fault", "not LIVE, s", "longest, s", "exact after, ms", "reloads", "transactions", "reads checked", "differences"];
    private static readonly ConcurrentQueue<string[]> Rows = new();

    /// <summary>Adds a row.</summary>
    /// <param name="fault">In words.</param>
    /// <param name="observed">What a reader saw.</param>
    /// <param name="exactAfter">From the fault's end until counts younger than that were read as LIVE.</param>
    /// <param name="transactions">Committed meanwhile.</param>
    /// <param name="differences">Between the cache and the view, and from what was promised: a run with any fails.</param>
    public static void Add(string fault, HonestyChecker observed, TimeSpan exactAfter, long transactions, int differences) => Rows.Enqueue(
    [
        fault,
        Number($"{observed.States.NotLive.TotalSeconds:F2}"),
        Number($"{observed.States.LongestNotLive.TotalSeconds:F2}"),
        Number($"{exactAfter.TotalMilliseconds:F0}"),
        Number($"{observed.States.Reloads}"),
        Number($"{transactions}"),
        Number($"{observed.Checked}"),
        Number($"{differences}"),
    ]);

    /// <summary>All rows, as a table in Markdown.</summary>
    public static string Text()
    {
        var rows = Rows.ToArray();
        if (rows.Length == 0)
        {
            return "";
        }

        var widths = Header.Select((title, column) => rows.Select(row => row[column].Length).Append(title.Length).Max()).ToArray();
        var rule = Header.Select((_, column) => new string('-', widths[column] - (column > 0 ? 1 : 0)) + (column > 0 ? ":" : ""));
        return string.Join('\n', ((string[][])[Header, [.. rule], .. rows]).Select(row => $"| {string.Join(" | ", row.Select(Pad))} |"));

        string Pad(string cell, int column) => column == 0 ? cell.PadRight(widths[0]) : cell.PadLeft(widths[column]);
    }

    private static string Number(FormattableString number) => number.ToString(CultureInfo.InvariantCulture);
}
