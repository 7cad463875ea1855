using System.Diagnostics;

namespace CacheService.LoadTests.Machine;

/// <summary>How many processors' time each of several processes uses, from its creation on.</summary>
internal sealed class CpuMeter(params IReadOnlyList<ProcessTree> processes)
{
    private readonly long _start = Stopwatch.GetTimestamp();
    private readonly double?[] _before = [.. processes.Select(process => process.CpuSeconds())];

    /// <summary>Adds a detail for each process of which it is known: 1.00 is one processor all the time.</summary>
    public void AddTo(Dictionary<string, double> details)
    {
        var elapsed = Stopwatch.GetElapsedTime(_start).TotalSeconds;
        for (var i = 0; i < processes.Count; i++)
        {
            if (processes[i].CpuSeconds() - _before[i] is { } used)
            {
                details[$"CPU {processes[i].Name}"] = used / elapsed;
            }
        }
    }
}
