using System.CommandLine;
using System.Globalization;
using CacheService.Tool.Output;

namespace CacheService.Tool.Commands;

internal sealed class ReloadCommand : ToolCommand
{
    private const int TimeoutSeconds = 600;

    private readonly Terminal _terminal;
    private readonly ServiceOptions _service;

    public ReloadCommand(Terminal terminal, TimeProvider time) : base(
        "reload",
        "Have all caches of the database load all counts afresh, from the tables, and wait until the service is LIVE again. Meanwhile it serves the counts of before, as STALE. "
            + "It is for whoever distrusts the counts, and never needed for what is right: audit says whether they are.",
        terminal)
    {
        _terminal = terminal;
        _service = new ServiceOptions(time, TimeoutSeconds);
        _service.AddTo(this);
    }

    public override IReadOnlyList<Example> Examples =>
    [
        new("tweetcounts reload", "The service on this machine, and all others of its database. They go on with it if this is interrupted."),
        new("tweetcounts reload --timeout 1h", "For very much activity."),
        new("tweetcounts reload --json | jq .durationSeconds", "For other programs."),
    ];

    protected override async Task<int> RunAsync(ParseResult arguments, CancellationToken stop)
    {
        using var service = _service.Connect(arguments);
        var reload = await service.CallAsync(client => client.ReloadNowAsync(cancellationToken: stop));
        if (_service.Json(arguments))
        {
            JsonOutput.Write(_terminal, new
            {
                reload.Messages,
                DurationSeconds = reload.Duration.TotalSeconds,
                Freshness = JsonOutput.Of(reload.Freshness),
            });
            return ExitCode.Success;
        }

        _terminal.Print(string.Create(CultureInfo.InvariantCulture, $"{reload.Messages:N0} messages loaded afresh in {Durations.Format(reload.Duration)}"));
        FreshnessLine.Print(_terminal, reload.Freshness);
        return ExitCode.Success;
    }
}
