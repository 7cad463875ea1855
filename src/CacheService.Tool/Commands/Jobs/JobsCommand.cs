using System.CommandLine;
using CacheService.Tool.Output;
using Spectre.Console;

namespace CacheService.Tool.Commands.Jobs;

internal sealed class JobsCommand : ToolCommand
{
    private readonly Terminal _terminal;
    private readonly ServiceOptions _service;

    public JobsCommand(Terminal terminal, TimeProvider time) : base("jobs", "List the jobs of the service; and see, start and stop what they do.", terminal)
    {
        _terminal = terminal;
        _service = new ServiceOptions(time);
        _service.AddTo(this);
        Add(new RunsCommand(terminal, time));
        Add(new ShowCommand(terminal, time));
        Add(new StartCommand(terminal, time));
        Add(RunCommand.Stop(terminal, time));
        Add(RunCommand.Cancel(terminal, time));
        Add(RunCommand.Resume(terminal, time));
        Add(RunCommand.Restart(terminal, time));
        Add(ItemsCommand.Retry(terminal, time));
        Add(ItemsCommand.Ignore(terminal, time));
        Add(PauseCommand.Pause(terminal, time));
        Add(PauseCommand.Unpause(terminal, time));
        Add(new ScheduleCommand(terminal, time));
        Add(new DownloadCommand(terminal, time));
        Add(new ActionsCommand(terminal, time));
    }

    public override IReadOnlyList<Example> Examples =>
    [
        new("tweetcounts jobs", "All jobs: when they run, and what their last run did."),
        new("tweetcounts jobs start refresh-mat-views", "Start one now."),
        new("tweetcounts jobs start expire-messages --set older_than=90d --dry-run", "Have it say what it would do."),
        new("tweetcounts jobs runs --state failed", "The runs that have failed."),
        new("tweetcounts jobs show 12", "What run 12 did, with its log."),
        new("tweetcounts jobs stop 12", "End it now; jobs resume 12 goes on where it was."),
    ];

    protected override async Task<int> RunAsync(ParseResult arguments, CancellationToken stop)
    {
        using var service = _service.Connect(arguments);
        var jobs = await service.CallAsync(client => client.Jobs.ListAsync(stop));
        if (_service.Json(arguments))
        {
            JsonOutput.Write(_terminal, new { Jobs = jobs });
            return ExitCode.Success;
        }

        if (!_terminal.Interactive)
        {
            foreach (var job in jobs)
                _terminal.Print(string.Join('\t', job.Name, job.Schedule, job.TimeZone, JobWords.Time(job.NextSlot), job.PausedAt is null ? "" : "paused", job.Run is null ? "" : JobWords.State(job.Run), job.Problem));
            return ExitCode.Success;
        }

        var table = JobWords.Table("job", "schedule", "next", "last run", "began", "took");
        foreach (var job in jobs)
        {
            table.AddRow(
                Tables.Plain(job.Name),
                Tables.Plain(JobWords.Schedule(job)),
                Tables.Plain(job.PausedAt is null ? JobWords.Time(job.NextSlot) : $"paused by {job.PausedBy}"),
                Tables.Plain(job.Run is null ? "" : $"{job.Run.Id} {JobWords.State(job.Run)}"),
                Tables.Plain(JobWords.Time(job.Run?.StartedAt)),
                Tables.Plain(JobWords.Took(job.Run)));
        }

        _terminal.Console.Write(table);
        foreach (var job in jobs.Where(job => job.Problem.Length > 0))
            _terminal.Note($"{job.Name}: {job.Problem}");
        return ExitCode.Success;
    }
}
