using System.Globalization;

namespace CacheService.Tool.Simulation;

internal static class Slowness
{
    // Less than that is not worth a word: a pause of the garbage collector, a checkpoint.
    private const double WorthSaying = 0.02;

    /// <summary>Says so if the database, there all the time, did not keep up between two moments; else null.</summary>
    public static string? Describe(SimulationStatus before, SimulationStatus now, SimulationOptions options)
    {
        var leftOut = now.LeftOut - before.LeftOut;
        var due = (now.Elapsed - before.Elapsed).TotalSeconds * options.Rate;
        if (before.DatabaseAway || now.Outages > before.Outages || leftOut <= due * WorthSaying)
            return null;

        var clients = options.Clients == 1 ? "1 client" : $"{options.Clients} clients";
        return string.Create(
            CultureInfo.InvariantCulture, $"too slow for {options.Rate:0.###}/s with {clients}: {now.LeftOut} writes left out so far");
    }
}
