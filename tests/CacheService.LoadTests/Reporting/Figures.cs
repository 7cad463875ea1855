using System.Globalization;

namespace CacheService.LoadTests.Reporting;

/// <summary>Numbers as people read them.</summary>
internal static class Figures
{
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
