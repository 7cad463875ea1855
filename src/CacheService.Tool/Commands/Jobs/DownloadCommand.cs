using System.CommandLine;
using CacheService.Tool.Output;
using TweetCounts.V1;

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
        var request = new GetOutputRequest { RunId = arguments.GetValue(_run), Name = arguments.GetValue(_name)! };
        using var service = _service.Connect(arguments);
        var answer = await service.CallAsync(client => client.CallJobsAsync((jobs, call) => jobs.GetOutputAsync(request, call), stop));
        if (_service.Json(arguments))
            JsonOutput.Write(_terminal, answer);
        else
            await _terminal.Output.WriteAsync(answer.Content);
        return ExitCode.Success;
    }
}
