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

    public Task<FreshnessRound> RunAsync(int rate, TimeSpan duration, CancellationToken cancellationToken) =>
        Pgbench.MeasureAsync(duration, longer => TryRunAsync(rate, longer, cancellationToken));

    private async Task<FreshnessRound?> TryRunAsync(int rate, TimeSpan duration, CancellationToken cancellationToken)
    {
        var probes = Math.Min(rate, MostProbes);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var others = rate == probes
            ? Task.FromResult<double?>(0)
            : pgbench!.TryRunAsync(database, script, rate > RateOfManyClients ? ManyClients : FewClients, duration, rate - probes, ending.Token);
        try
        {
            await Task.Delay(others.IsCompleted ? TimeSpan.Zero : Pgbench.First, cancellationToken);
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
            return await others is { } rest ? new FreshnessRound(own + rest, visible, watched) : null;
        }
        finally
        {
            // What was wrong with it, if anything, has been thrown above; or something else was, and it only has to end.
            await ending.CancelAsync();
            await ((Task)others).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
