using System.CommandLine;
using CacheService.Client;
using CacheService.Client.Jobs;
using CacheService.Tool.Output;

namespace CacheService.Tool.Commands.Jobs;

/// <summary>A command that does something with a run, and shows the run that comes of it.</summary>
internal sealed class RunCommand : ToolCommand
{
    private readonly Terminal _terminal;
    private readonly ServiceOptions _service;
    private readonly Argument<long> _run = new("RUN") { Description = "The run's number." };
    private readonly Option<string> _reason = new("--reason") { HelpName = "TEXT", Description = "Why, for whoever looks.", DefaultValueFactory = _ => "" };
    private readonly Func<TweetCountsClient, long, string, CancellationToken, Task<JobRun>> _do;

    private RunCommand(
        string name, string description, IReadOnlyList<Example> examples, bool withReason, Func<TweetCountsClient, long, string, CancellationToken, Task<JobRun>> action, Terminal terminal, TimeProvider time)
        : base(name, description, terminal)
    {
        _terminal = terminal;
        _service = new ServiceOptions(time, defaultTimeoutSeconds: 30);
        _do = action;
        Examples = examples;
        Add(_run);
        if (withReason)
            Add(_reason);
        _service.AddTo(this);
    }

    public override IReadOnlyList<Example> Examples { get; }

    public static RunCommand Stop(Terminal terminal, TimeProvider time) => new(
        "stop", "End a run, whatever it does, and wait until it has ended. It can be resumed.",
        [new("tweetcounts jobs stop 12", "End run 12."), new("tweetcounts jobs stop 12 --reason release", "And say why.")],
        withReason: true,
        static (client, id, reason, stop) => client.Jobs.StopAsync(id, reason, stop),
        terminal, time);

    public static RunCommand Cancel(Terminal terminal, TimeProvider time) => new(
        "cancel", "End a run for good.",
        [new("tweetcounts jobs cancel 12", "End run 12.")],
        withReason: true,
        static (client, id, reason, stop) => client.Jobs.CancelAsync(id, reason, stop),
        terminal, time);

    public static RunCommand Resume(Terminal terminal, TimeProvider time) => new(
        "resume", "Go on where a run that was stopped, that failed or that was lost had got to.",
        [new("tweetcounts jobs resume 12", "In a run of its own.")],
        withReason: false,
        static (client, id, _, stop) => client.Jobs.ResumeAsync(id, stop),
        terminal, time);

    public static RunCommand Restart(Terminal terminal, TimeProvider time) => new(
        "restart", "Do what a run has done, or was skipped, once more from the beginning. One that is under way is cancelled.",
        [new("tweetcounts jobs restart 12", "With the same parameters, and for the same slot.")],
        withReason: false,
        static (client, id, _, stop) => client.Jobs.RestartAsync(id, stop),
        terminal, time);

    protected override async Task<int> RunAsync(ParseResult arguments, CancellationToken stop)
    {
        var reason = Options.Contains(_reason) ? arguments.GetValue(_reason)! : "";
        using var service = _service.Connect(arguments);
        var run = await service.CallAsync(client => _do(client, arguments.GetValue(_run), reason, stop));
        if (_service.Json(arguments))
            JsonOutput.Write(_terminal, run);
        else
            _terminal.Print(JobWords.Line(run));
        return ExitCode.Success;
    }
}
