using System.CommandLine;
using CacheService.Client;
using CacheService.Tool.Output;

namespace CacheService.Tool.Commands.Jobs;

/// <summary>A command that does something with failed items of a run.</summary>
internal sealed class ItemsCommand : ToolCommand
{
    private readonly Terminal _terminal;
    private readonly ServiceOptions _service;
    private readonly Argument<long> _run = new("RUN") { Description = "The run's number." };
    private readonly Argument<string[]> _keys;
    private readonly Func<TweetCountsClient, long, string[], CancellationToken, Task<(object Json, string Words)>> _do;

    private ItemsCommand(
        string name, string description, IReadOnlyList<Example> examples, Argument<string[]> keys, Func<TweetCountsClient, long, string[], CancellationToken, Task<(object Json, string Words)>> action,
        Terminal terminal, TimeProvider time)
        : base(name, description, terminal)
    {
        _terminal = terminal;
        _service = new ServiceOptions(time);
        _keys = keys;
        _do = action;
        Examples = examples;
        Add(_run);
        Add(_keys);
        _service.AddTo(this);
    }

    public override IReadOnlyList<Example> Examples { get; }

    public static ItemsCommand Retry(Terminal terminal, TimeProvider time) => new(
        "retry", "Try failed items of a run again, in a run of their own.",
        [new("tweetcounts jobs retry 12", "All that have failed."), new("tweetcounts jobs retry 12 public.sales", "One of them.")],
        new("ITEM") { Description = "The items. Without them: all that have failed.", Arity = ArgumentArity.ZeroOrMore },
        static async (client, run, keys, stop) =>
        {
            var retry = await client.Jobs.RetryItemsAsync(run, keys, stop);
            return (retry, JobWords.Line(retry));
        },
        terminal, time);

    public static ItemsCommand Ignore(Terminal terminal, TimeProvider time) => new(
        "ignore", "Say of failed items that they are no matter.",
        [new("tweetcounts jobs ignore 12 public.sales", "One of run 12.")],
        new("ITEM") { Description = "The items.", Arity = ArgumentArity.OneOrMore },
        static async (client, run, keys, stop) =>
        {
            var ignored = await client.Jobs.IgnoreItemsAsync(run, keys, stop);
            return (new { Ignored = ignored }, $"{ignored} ignored");
        },
        terminal, time);

    protected override async Task<int> RunAsync(ParseResult arguments, CancellationToken stop)
    {
        using var service = _service.Connect(arguments);
        var (json, words) = await service.CallAsync(client => _do(client, arguments.GetValue(_run), arguments.GetValue(_keys) ?? [], stop));
        if (_service.Json(arguments))
            JsonOutput.Write(_terminal, json);
        else
            _terminal.Print(words);
        return ExitCode.Success;
    }
}
