using System.CommandLine;
using CacheService.Client.Jobs;
using CacheService.Tool.Output;
using Spectre.Console;

namespace CacheService.Tool.Commands.Jobs;

internal sealed class RunsCommand : ToolCommand
{
    private readonly Terminal _terminal;
    private readonly ServiceOptions _service;
    private readonly Argument<string> _job = new("JOB") { Description = "Only of this job.", Arity = ArgumentArity.ZeroOrOne, DefaultValueFactory = _ => "" };
    private readonly Option<JobRunState?> _state = new("--state") { HelpName = "STATE", Description = "Only in this state: running, succeeded, incomplete, failed, stopped, cancelled, lost or skipped." };
    private readonly Option<int> _limit = new("--limit") { HelpName = "N", Description = "How many at most, up to 1000.", DefaultValueFactory = _ => 20 };

    public RunsCommand(Terminal terminal, TimeProvider time) : base("runs", "List runs, the latest first; skipped slots are among them.", terminal)
    {
        _terminal = terminal;
        _service = new ServiceOptions(time);
        Add(_job);
        Add(_state);
        Add(_limit);
        _service.AddTo(this);
    }

    public override IReadOnlyList<Example> Examples =>
    [
        new("tweetcounts jobs runs", "The latest runs of all jobs."),
        new("tweetcounts jobs runs daily-report --limit 100", "Of one job."),
        new("tweetcounts jobs runs --state skipped", "What did not run, and why."),
        new("tweetcounts jobs runs --json | jq .runs[0].state", "For other programs."),
    ];

    protected override async Task<int> RunAsync(ParseResult arguments, CancellationToken stop)
    {
        using var service = _service.Connect(arguments);
        var runs = await service.CallAsync(client => client.Jobs.ListRunsAsync(arguments.GetValue(_job), arguments.GetValue(_state), limit: arguments.GetValue(_limit), cancellationToken: stop));
        if (_service.Json(arguments))
        {
            JsonOutput.Write(_terminal, new { Runs = runs });
        }
        else if (!_terminal.Interactive)
        {
            foreach (var run in runs)
                _terminal.Print(string.Join('\t', run.Id, run.Job, JobWords.State(run), JobWords.Time(run.Slot), JobWords.Time(run.StartedAt), JobWords.Took(run), JobWords.Numbers(run), PlainText.OneLine(run.Detail)));
        }
        else
        {
            var table = JobWords.Table("run", "job", "state", "due", "began", "took", "what it did");
            foreach (var run in runs)
            {
                var slots = run.Slots > 1 ? $" and {run.Slots - 1} more" : "";
                table.AddRow(
                    Tables.Id(run.Id), Tables.Plain(run.Job), Tables.Plain(JobWords.State(run)), Tables.Plain(JobWords.Time(run.Slot) + slots), Tables.Plain(JobWords.Time(run.StartedAt)),
                    Tables.Plain(JobWords.Took(run)), Tables.Plain(PlainText.OneLine(run.Detail.Length > 0 ? run.Detail : JobWords.Numbers(run))));
            }

            _terminal.Console.Write(table);
        }

        return ExitCode.Success;
    }
}
