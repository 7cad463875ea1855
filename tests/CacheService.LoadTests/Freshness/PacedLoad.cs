using System.Diagnostics;
using CacheService.LoadTests.Machine;
using CacheService.LoadTests.Writes;

namespace CacheService.LoadTests.Freshness;

/// <summary>Writes at a rate, with the probe among the writers.</summary>
/// <param name="pgbench">Writes what the probe does not; null: missing.</param>
/// <param name="script">Its transaction.</param>
/// <param name="database">Where.</param>
/// <param name="probe">Measures.</param>
internal sealed class PacedLoad(Pgbench? pgbench, string script, LoadDatabase database, Probe probe)
{
    /// <summary>The most that the probe writes by itself, a second: while it waits for one it writes no other.</summary>
    public const int MostProbes = 50;

    private const int FewClients = 16;
    private const int ManyClients = 32;
    private const int RateOfManyClients = 2_000;

    public async Task<FreshnessRound> RunAsync(int rate, TimeSpan duration, CancellationToken cancellationToken)
    {
        var probes = Math.Min(rate, MostProbes);
        var others = rate == probes
            ? Task.FromResult(0.0)
            : pgbench!.RunAsync(database, script, rate > RateOfManyClients ? ManyClients : FewClients, duration, rate - probes, cancellationToken);
        var (visible, watched) = (new List<double>(), new List<double>());
        var start = Stopwatch.GetTimestamp();
        using var tick = new PeriodicTimer(TimeSpan.FromSeconds(1.0 / probes));
        while (Stopwatch.GetElapsedTime(start) < duration && await tick.WaitForNextTickAsync(cancellationToken))
        {
            var (toReader, toWatcher) = await probe.MeasureAsync(cancellationToken);
            visible.Add(toReader);
            watched.Add(toWatcher);
        }

        var own = visible.Count / Stopwatch.GetElapsedTime(start).TotalSeconds;
        return new FreshnessRound(own + await others, visible, watched);
    }
}
