using System.CommandLine;
using CacheService.Tool.Output;

namespace CacheService.Tool.Commands.Jobs;

internal sealed class ActionsCommand : ToolCommand
{
    private readonly Terminal _terminal;
    private readonly ServiceOptions _service;
    private readonly Argument<string> _job = new("JOB") { Description = "Only with this job.", Arity = ArgumentArity.ZeroOrOne, DefaultValueFactory = _ => "" };

    public ActionsCommand(Terminal terminal, TimeProvider time) : base("actions", "List who did what with jobs, the latest first.", terminal)
    {
        _terminal = terminal;
        _service = new ServiceOptions(time);
        Add(_job);
        _service.AddTo(this);
    }

    public override IReadOnlyList<Example> Examples => [new("tweetcounts jobs actions", "With all jobs."), new("tweetcounts jobs actions daily-report", "With one.")];

    protected override async Task<int> RunAsync(ParseResult arguments, CancellationToken stop)
    {
        using var service = _service.Connect(arguments);
        var actions = await service.CallAsync(client => client.Jobs.ListActionsAsync(arguments.GetValue(_job), cancellationToken: stop));
        if (_service.Json(arguments))
        {
            JsonOutput.Write(_terminal, new { Actions = actions });
            return ExitCode.Success;
        }

        foreach (var action in actions)
            _terminal.Print(string.Join('\t', JobWords.Time(action.At), PlainText.OneLine(action.Who), action.What, action.Job, action.Run is { } run ? $"run {run}" : "", PlainText.OneLine(action.Detail)).TrimEnd());
        return ExitCode.Success;
    }
}
