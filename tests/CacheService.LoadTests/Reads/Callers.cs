using System.Diagnostics;
using CacheService.LoadTests.Machine;
using CacheService.LoadTests.Measuring;

namespace CacheService.LoadTests.Reads;

/// <summary>Callers in this process, each of which calls again as soon as it has its answer.</summary>
/// <param name="count">How many at a time.</param>
/// <param name="processes">Whose processor time is told.</param>
internal sealed class Callers(int count, params IReadOnlyList<ProcessTree> processes)
{
    // Callers begin at places far from each other among the draws.
    private const long Distance = 4_099;

    public Candidate Candidate(Reader reader) => new(reader.Name, (duration, cancellationToken) => RunAsync(reader, duration, cancellationToken));

    private async Task<RoundResult> RunAsync(Reader reader, TimeSpan duration, CancellationToken cancellationToken)
    {
        var cpu = new CpuMeter(processes);
        var start = Stopwatch.GetTimestamp();
        var end = start + (long)(duration.TotalSeconds * Stopwatch.Frequency);
        var callers = await Task.WhenAll(Enumerable.Range(0, count).Select(caller => Task.Run(() => CallAsync(reader, caller * Distance, end, cancellationToken), cancellationToken)));

        var elapsed = Stopwatch.GetElapsedTime(start).TotalSeconds;
        var latencies = new LatencyHistogram();
        foreach (var caller in callers)
        {
            latencies.Add(caller.Latencies);
        }

        var details = new Dictionary<string, double>
        {
            ["p50 ms"] = latencies.Percentile(0.5),
            ["p99 ms"] = latencies.Percentile(0.99),
        };
        cpu.AddTo(details);
        return new RoundResult(callers.Sum(caller => caller.Calls) * reader.CountsPerCall / elapsed, details);
    }

    private static async Task<(long Calls, LatencyHistogram Latencies)> CallAsync(Reader reader, long number, long end, CancellationToken cancellationToken)
    {
        var calls = 0L;
        var latencies = new LatencyHistogram();
        for (var before = Stopwatch.GetTimestamp(); before < end;)
        {
            await reader.Call(number, cancellationToken);
            var after = Stopwatch.GetTimestamp();
            latencies.Add(after - before);
            before = after;
            number += reader.CountsPerCall;
            calls++;
        }

        return (calls, latencies);
    }
}
