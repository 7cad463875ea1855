using System.CommandLine;
using System.Globalization;
using CacheService.Client;
using CacheService.Tool.Output;
using Spectre.Console;

namespace CacheService.Tool.Commands;

internal sealed class HistoryCommand : ToolCommand
{
    private static readonly TimeSpan DefaultSpan = TimeSpan.FromMinutes(2);

    private readonly Terminal _terminal;
    private readonly ServiceOptions _service;
    private readonly Option<TimeSpan?> _span = DurationOption.Create("--span", "How far back, up to 1h. Without it: 2m.");

    public HistoryCommand(Terminal terminal, TimeProvider time) : base("history", "Show what the service did lately, in samples of a few seconds.", terminal)
    {
        _terminal = terminal;
        _service = new ServiceOptions(time);
        Add(_span);
        _service.AddTo(this);
    }

    public override IReadOnlyList<Example> Examples =>
    [
        new("tweetcounts history", "The last two minutes."),
        new("tweetcounts history --span 1h --json | jq 'map(.ageSeconds) | max'", "For other programs: the highest age within an hour."),
    ];

    protected override async Task<int> RunAsync(ParseResult arguments, CancellationToken stop)
    {
        using var service = _service.Connect(arguments);
        var samples = await service.CallAsync(client => client.GetHistoryAsync(arguments.GetValue(_span) ?? DefaultSpan, stop));
        if (_service.Json(arguments))
        {
            JsonOutput.Write(_terminal, samples.Select(sample => new
            {
                sample.At,
                LengthSeconds = sample.Length.TotalSeconds,
                sample.Reads,
                sample.Changes,
                sample.Drains,
                AgeSeconds = sample.Age?.TotalSeconds,
                sample.Watchers,
                State = FeedStates.Name(sample.State),
            }));
        }
        else if (_terminal.Interactive)
        {
            var table = Tables.Create("until (UTC)", "reads/s", "changes/s", "drains/s", "age", "watchers", "state");
            foreach (var sample in samples)
                table.AddRow([.. Cells(sample).Select(Tables.Plain)]);
            _terminal.Console.Write(table);
        }
        else
        {
            foreach (var sample in samples)
                _terminal.Print(string.Join('\t', Cells(sample)));
        }

        return ExitCode.Success;
    }

    private static string[] Cells(HistorySample sample) =>
    [
        sample.At.UtcDateTime.ToString("HH:mm:ss", CultureInfo.InvariantCulture), Rate(sample.Reads), Rate(sample.Changes), Rate(sample.Drains),
        sample.Age is { } age ? Durations.Format(age) : "", sample.Watchers.ToString(CultureInfo.InvariantCulture), FeedStates.Name(sample.State),
    ];

    private static string Rate(double rate) => rate.ToString("0.#", CultureInfo.InvariantCulture);
}
