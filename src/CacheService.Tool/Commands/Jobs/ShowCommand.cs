using System.CommandLine;
using CacheService.Client.Jobs;
using CacheService.Tool.Output;

namespace CacheService.Tool.Commands.Jobs;

internal sealed class ShowCommand : ToolCommand
{
    private readonly Terminal _terminal;
    private readonly ServiceOptions _service;
    private readonly Argument<long> _run = new("RUN") { Description = "The run's number." };

    public ShowCommand(Terminal terminal, TimeProvider time) : base("show", "Show a run: what it did, its items, those that failed first, and its log.", terminal)
    {
        _terminal = terminal;
        _service = new ServiceOptions(time);
        Add(_run);
        _service.AddTo(this);
    }

    public override IReadOnlyList<Example> Examples =>
    [
        new("tweetcounts jobs show 12", "Run 12."),
        new("tweetcounts jobs show 12 --json | jq .items", "Its items, with what they were before and after."),
    ];

    protected override async Task<int> RunAsync(ParseResult arguments, CancellationToken stop)
    {
        using var service = _service.Connect(arguments);
        var answer = await service.CallAsync(client => client.Jobs.GetRunAsync(arguments.GetValue(_run), cancellationToken: stop));
        if (_service.Json(arguments))
        {
            JsonOutput.Write(_terminal, answer);
            return ExitCode.Success;
        }

        var run = answer.Run;
        _terminal.Print(JobWords.Line(run));
        var due = run.Slot is null ? "" : $", due {JobWords.Time(run.Slot)}";
        var of = run.OfRun is { } other ? $" of run {other}" : "";
        _terminal.Print($"began {JobWords.Time(run.StartedAt)} ({run.Trigger}{of}, asked for by {PlainText.OneLine(run.AskedBy)}{due}), ended {JobWords.Time(run.EndedAt)}");
        foreach (var item in answer.Items)
            _terminal.Print(Line(item));
        if (answer.AllItems > answer.Items.Count)
            _terminal.Note($"shown are {answer.Items.Count} of {answer.AllItems} items, of which {answer.FailedItems} have failed");
        foreach (var line in answer.Log)
            _terminal.Print($"{JobWords.Time(line.At)} {PlainText.OneLine(line.Text)}");
        foreach (var output in answer.Outputs)
            _terminal.Print($"output: {PlainText.OneLine(output)}");
        return ExitCode.Success;
    }

    private static string Line(JobItem item)
    {
        var attempt = item.Attempts > 1 ? $" at attempt {item.Attempts}" : "";
        return $"item {PlainText.OneLine(item.Key)}: {item.State.ToString().ToLowerInvariant()}{attempt} {PlainText.OneLine(item.Error.Length > 0 ? item.Error : item.After)}".TrimEnd();
    }
}
