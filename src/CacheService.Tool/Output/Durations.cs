using System.Globalization;

namespace CacheService.Tool.Output;

/// <summary>Times as people write them: 500ms, 30s, 5m, 1h; a bare number is seconds.</summary>
internal static class Durations
{
    private static readonly (string Unit, double Seconds)[] Units = [("ms", 0.001), ("s", 1), ("m", 60), ("h", 3600)];

    // Longer than any use, and short enough for every timer and for google.protobuf.Duration.
    private static readonly TimeSpan Longest = TimeSpan.FromDays(40);

    /// <summary>False for anything but a positive time of up to 40 days.</summary>
    public static bool TryParse(string text, out TimeSpan duration)
    {
        duration = default;
        var (unit, secondsPerUnit) = Units.FirstOrDefault(u => text.EndsWith(u.Unit, StringComparison.OrdinalIgnoreCase), ("", 1));
        if (!double.TryParse(text.AsSpan(0, text.Length - unit.Length), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number))
            return false;

        var seconds = number * secondsPerUnit;
        if (!(seconds <= Longest.TotalSeconds))
            return false;

        duration = TimeSpan.FromSeconds(seconds);
        return duration > TimeSpan.Zero;
    }

    /// <summary>One number and one unit, as exact as is of interest: 3 ms, 1.2 s, 4 min 10 s, 2 h 5 min, 3 d 4 h.</summary>
    public static string Format(TimeSpan duration) => duration switch
    {
        { TotalMilliseconds: < 1 } => "under 1 ms",
        { TotalMilliseconds: < 999.5 } => Invariant($"{duration.TotalMilliseconds:0} ms"),
        { TotalSeconds: < 59.95 } => Invariant($"{duration.TotalSeconds:0.0} s"),
        { TotalHours: < 1 } => Invariant($"{duration.Minutes} min {duration.Seconds} s"),
        { TotalDays: < 1 } => Invariant($"{duration.Hours} h {duration.Minutes} min"),
        _ => Invariant($"{duration.Days} d {duration.Hours} h"),
    };

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
