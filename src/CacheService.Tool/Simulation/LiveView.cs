using System.Globalization;
using CacheService.Tool.Output;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace CacheService.Tool.Simulation;

/// <summary>Numbers that move, for a person at a terminal.</summary>
internal sealed class LiveView(Terminal terminal, TimeProvider time) : ISimulationView
{
    private const int NoticesShown = 4;

    // The width of the columns beside the message's text.
    private const int OtherColumns = 42;

    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(250);

    private readonly Queue<SimulationStatus> _recent = [];
    private readonly Queue<string> _notices = [];

    public void Tell(string notice)
    {
        var line = string.Create(CultureInfo.InvariantCulture, $"{time.GetLocalNow():HH:mm:ss} {notice}");
        lock (_notices)
        {
            _notices.Enqueue(line);
            if (_notices.Count > NoticesShown)
                _notices.Dequeue();
        }
    }

    public Task ShowAsync(Simulator simulator, CancellationToken ended) =>
        terminal.Console.Live(Draw(simulator, running: true)).StartAsync(async display =>
        {
            using var timer = new PeriodicTimer(Interval, time);
            try
            {
                while (await timer.WaitForNextTickAsync(ended))
                    display.UpdateTarget(Draw(simulator, running: true));
            }
            catch (OperationCanceledException) when (ended.IsCancellationRequested)
            {
                // The last picture stays on the screen.
                display.UpdateTarget(Draw(simulator, running: false));
            }
        });

    private Rows Draw(Simulator simulator, bool running)
    {
        var now = simulator.Status;
        _recent.Enqueue(now);

        // The rate of the last three seconds: calm to look at, and quick to show a change.
        while (_recent.Count > 13)
            _recent.Dequeue();
        var before = _recent.Peek();
        var seconds = (now.Elapsed - before.Elapsed).TotalSeconds;
        var rate = seconds > 0 ? (now.Written - before.Written) / seconds : 0;

        var parts = new List<IRenderable> { Numbers(now, rate, simulator.Options), Hottest(simulator) };
        if (Slowness.Describe(before, now, simulator.Options) is { } slow)
            parts.Add(new Text(slow, new Style(Color.Yellow)));
        lock (_notices)
            parts.AddRange(_notices.Select(notice => new Text(notice, new Style(Color.Yellow))));

        // Last, so that the ^C which the terminal echoes does not wrap from a full line and shift the picture.
        if (running)
            parts.Add(new Text("Ctrl-C ends it", new Style(Color.Grey)));
        return new Rows(parts);
    }

    private static Grid Numbers(SimulationStatus now, double rate, SimulationOptions options)
    {
        var until = options.Duration is { } duration ? $" of {Durations.Format(duration)}" : "";
        var grid = new Grid().AddColumns(4);
        grid.AddRow("[grey]written[/]", Format($"[bold]{now.Written:N0}[/]"), "[grey]running[/]", Durations.Format(now.Elapsed) + until);
        grid.AddRow(
            "[grey]rate[/]",
            now.DatabaseAway ? "[red]database away[/]" : Format($"{rate:N1} of {options.Rate:N1} per second"),
            "[grey]messages[/]",
            Format($"{now.Messages:N0}"));
        grid.AddRow(
            "[grey]errors[/]",
            Format(now.Errors == 0 ? $"0" : (FormattableString)$"[red]{now.Errors:N0}[/]"),
            "[grey]left out[/]",
            Format(now.LeftOut == 0 ? $"0" : (FormattableString)$"[yellow]{now.LeftOut:N0}[/]"));
        return grid;
    }

    private Table Hottest(Simulator simulator)
    {
        var width = Math.Max(10, terminal.Console.Profile.Width - OtherColumns);
        var table = Tables.Create("hottest", "retweets", "likes").WithText("message", width);
        foreach (var message in simulator.Hottest)
        {
            var about = simulator.Describe(message.MessageId) is var (author, text)
                ? PlainText.Shorten($"{author}: {text}", width)
                : "";
            table.AddRow(Tables.Id(message.MessageId), Tables.Number(message.Retweets), Tables.Number(message.Likes), Tables.Plain(about));
        }
        return table;
    }

    private static string Format(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
