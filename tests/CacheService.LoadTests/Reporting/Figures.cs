using System.Globalization;
using CacheService.LoadTests.Measuring;

namespace CacheService.LoadTests.Reporting;

/// <summary>Numbers as people read them.</summary>
internal static class Figures
{
    /// <summary>What others have published of a candidate, and in brackets its ratio to their baseline; empty: nothing.</summary>
    public static string Published(Scenario scenario, Series series) => string.Join("; ", scenario.Published
        .Where(figure => figure.Candidate == series.Candidate)
        .Select(figure => figure.RatioToBaseline is { } ratio ? $"{Short(figure.Value)} ({Short(ratio)})" : Short(figure.Value)));

    /// <summary>Three digits that matter, or all before the point.</summary>
    public static string Short(double number) => number.ToString(
        Math.Abs(number) switch
        {
            >= 99.95 => "N0",
            >= 9.995 => "0.0",
            >= 0.01 or 0 => "0.00",
            _ => "0.0000",
        },
        CultureInfo.InvariantCulture);
}
