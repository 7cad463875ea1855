using System.CommandLine;
using CacheService.Client.Jobs;
using CacheService.Tool.Output;

namespace CacheService.Tool.Commands.Jobs;

internal sealed class StartCommand : ToolCommand
{
    private readonly Terminal _terminal;
    private readonly ServiceOptions _service;
    private readonly Argument<string> _job = new("JOB") { Description = "The job's name; tweetcounts jobs lists them." };
    private readonly Option<string[]> _set = SetOption.Create("What it is told, in place of what it is told else.");
    private readonly Option<bool> _dryRun = new("--dry-run") { Description = "Only have it say what it would do." };
    private readonly Option<string> _key = new("--key") { HelpName = "KEY", Description = "Who starts it again with the same key gets the same run.", DefaultValueFactory = _ => "" };
    private readonly Option<bool> _wait = new("--wait") { Description = "Wait until it has ended. The exit code is 1 if it has not done all that it was to do." };

    public StartCommand(Terminal terminal, TimeProvider time) : base("start", "Start a job now.", terminal)
    {
        _terminal = terminal;
        _service = new ServiceOptions(time);
        Add(_job);
        Add(_set);
        Add(_dryRun);
        Add(_key);
        Add(_wait);
        _service.AddTo(this);
    }

    public override IReadOnlyList<Example> Examples =>
    [
        new("tweetcounts jobs start refresh-mat-views", "Start it, and go on."),
        new("tweetcounts jobs start daily-report --wait", "Wait for its end."),
        new("tweetcounts jobs start expire-messages --set older_than=90d --dry-run --wait", "Have it say what it would do."),
        new("tweetcounts jobs start roll-up --key 2026-11-29", "Once that day, however often this is called."),
    ];

    protected override async Task<int> RunAsync(ParseResult arguments, CancellationToken stop)
    {
        var parameters = SetOption.Read(arguments.GetValue(_set));
        using var service = _service.Connect(arguments);
        var run = await service.CallAsync(
            client => client.Jobs.StartAsync(arguments.GetValue(_job)!, parameters, arguments.GetValue(_dryRun), arguments.GetValue(_key), stop));
        if (arguments.GetValue(_wait) && run.State == JobRunState.Running)
            run = await service.CallAsync(client => client.Jobs.WaitUntilEndedAsync(run.Id, stop));
        if (_service.Json(arguments))
            JsonOutput.Write(_terminal, run);
        else
            _terminal.Print(JobWords.Line(run));
        return JobWords.HasFailed(run) ? ExitCode.Failure : ExitCode.Success;
    }
}
