using System.CommandLine;
using CacheService.Tool.Output;

namespace CacheService.Tool.Commands.Jobs;

internal sealed class DownloadCommand : ToolCommand
{
    private readonly Terminal _terminal;
    private readonly ServiceOptions _service;
    private readonly Argument<long> _run = new("RUN") { Description = "The run's number." };
    private readonly Argument<string> _name = new("NAME") { Description = "The output's name; tweetcounts jobs show lists them." };

    public DownloadCommand(Terminal terminal, TimeProvider time) : base("download", "Print something that a run has made, such as a report.", terminal)
    {
        _terminal = terminal;
        _service = new ServiceOptions(time);
        Add(_run);
        Add(_name);
        _service.AddTo(this);
    }

    public override IReadOnlyList<Example> Examples => [new("tweetcounts jobs download 12 2026-11-28.csv > report.csv", "Into a file.")];

    protected override async Task<int> RunAsync(ParseResult arguments, CancellationToken stop)
    {
        using var service = _service.Connect(arguments);
        var output = await service.CallAsync(client => client.Jobs.GetOutputAsync(arguments.GetValue(_run), arguments.GetValue(_name)!, stop));
        if (_service.Json(arguments))
            JsonOutput.Write(_terminal, output);
        else
            await _terminal.Output.WriteAsync(output.Content);
        return ExitCode.Success;
    }
}
