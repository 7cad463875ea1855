using System.CommandLine;
using CacheService.Client;
using CacheService.Client.Jobs;
using CacheService.Tool.Output;

namespace CacheService.Tool.Commands.Jobs;

/// <summary>Pauses a job, or ends its pause.</summary>
internal sealed class PauseCommand : ToolCommand
{
    private readonly Terminal _terminal;
    private readonly ServiceOptions _service;
    private readonly Argument<string> _job = new("JOB") { Description = "The job's name; tweetcounts jobs lists them." };
    private readonly Option<string> _reason = new("--reason") { HelpName = "TEXT", Description = "Why, for whoever looks.", DefaultValueFactory = _ => "" };
    private readonly bool _pauses;

    private PauseCommand(string name, string description, IReadOnlyList<Example> examples, bool pauses, Terminal terminal, TimeProvider time) : base(name, description, terminal)
    {
        _terminal = terminal;
        _service = new ServiceOptions(time);
        _pauses = pauses;
        Examples = examples;
        Add(_job);
        if (pauses)
            Add(_reason);
        _service.AddTo(this);
    }

    public override IReadOnlyList<Example> Examples { get; }

    public static PauseCommand Pause(Terminal terminal, TimeProvider time) => new(
        "pause", "Let nothing of a job start any more. What is under way goes on.", [new("tweetcounts jobs pause daily-report --reason holidays", "Until somebody says otherwise.")], pauses: true, terminal, time);

    public static PauseCommand Unpause(Terminal terminal, TimeProvider time) => new(
        "unpause", "Let a job start again. What was due meanwhile stays skipped.", [new("tweetcounts jobs unpause daily-report", "From now on.")], pauses: false, terminal, time);

    protected override async Task<int> RunAsync(ParseResult arguments, CancellationToken stop)
    {
        var job = arguments.GetValue(_job)!;
        using var service = _service.Connect(arguments);
        var answer = await service.CallAsync(client => Ask(client, job, arguments, stop));
        if (_service.Json(arguments))
            JsonOutput.Write(_terminal, answer);
        else
            _terminal.Print(answer.PausedAt is null ? $"{job} runs next {JobWords.Time(answer.NextSlot)}" : $"{job} is paused");
        return ExitCode.Success;
    }

    private Task<Job> Ask(TweetCountsClient client, string job, ParseResult arguments, CancellationToken stop) => _pauses
        ? client.Jobs.PauseAsync(job, arguments.GetValue(_reason)!, stop)
        : client.Jobs.UnpauseAsync(job, stop);
}
