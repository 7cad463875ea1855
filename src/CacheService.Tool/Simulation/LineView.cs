using System.Globalization;
using CacheService.Tool.Output;

namespace CacheService.Tool.Simulation;

/// <summary>A line now and then, for logs.</summary>
internal sealed class LineView(Terminal terminal, TimeProvider time) : ISimulationView
{
    internal static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    private const int HottestNamed = 3;

    public void Tell(string notice) => terminal.Fail(notice);

    public async Task ShowAsync(Simulator simulator, CancellationToken ended)
    {
        using var timer = new PeriodicTimer(Interval, time);
        var before = simulator.Status;
        try
        {
            while (await timer.WaitForNextTickAsync(ended))
            {
                var now = simulator.Status;
                terminal.Print(Line(before, now, simulator.Options, simulator.Hottest));
                before = now;
            }
        }
        catch (OperationCanceledException) when (ended.IsCancellationRequested)
        {
            // The usual end.
        }
    }

    internal static string Line(
        SimulationStatus before, SimulationStatus now, SimulationOptions options, IReadOnlyList<HotMessage> hottest)
    {
        var rate = (now.Written - before.Written) / (now.Elapsed - before.Elapsed).TotalSeconds;
        var names = string.Join(", ", hottest.Take(HottestNamed).Select(m => $"{m.MessageId} ({m.Written})"));
        return string.Create(CultureInfo.InvariantCulture, $"written {now.Written}, {rate:0.0}/s, errors {now.Errors}, hottest {names}")
            + (Slowness.Describe(before, now, options) is { } slow ? $"; {slow}" : "");
    }
}
