using System.CommandLine;
using CacheService.Client;
using CacheService.Tool.Output;
using CacheService.Tool.Watching;

namespace CacheService.Tool.Commands;

internal sealed class WatchCommand : ToolCommand
{
    private readonly Terminal _terminal;
    private readonly TimeProvider _time;
    private readonly ServiceOptions _service;
    private readonly Argument<long[]> _ids = new("ID")
    {
        Description = "Message ids. Without any: all messages.",
        Arity = ArgumentArity.ZeroOrMore,
    };
    private readonly Option<bool> _all = new("--all") { Description = "All messages, also those to come." };
    private readonly Option<TimeSpan?> _minInterval = DurationOption.Create("--min-interval", "At most one message in that time, with the latest counts. At most 1m.");

    public WatchCommand(Terminal terminal, TimeProvider time)
        : base("watch", "Show counts as they change, until Ctrl-C: a live table, or a line for each change where the output is no terminal.", terminal)
    {
        _terminal = terminal;
        _time = time;
        _service = new ServiceOptions(time);
        Add(_ids);
        Add(_all);
        Add(_minInterval);
        _service.AddTo(this);
        Validators.Add(result =>
        {
            var ids = result.GetResult(_ids)?.GetValueOrDefault<long[]>() ?? [];
            if (ids.Any(id => id < 1))
            {
                result.AddError("message ids are 1 and up");
            }
            else if (ids.Length > 0 && result.GetValue(_all))
            {
                result.AddError("give message ids or --all, not both");
            }
        });
    }

    public override IReadOnlyList<Example> Examples =>
    [
        new("tweetcounts watch 1 2 3", "Three messages."),
        new("tweetcounts watch --all", "What is going on: the messages that changed last."),
        new("tweetcounts watch --all --address dns:///counts.example:5080", "At any of the services that DNS has for a name; where that one goes, at another."),
        new("tweetcounts watch --all --min-interval 1s | awk '{ print $1, $3 }'", "Lines of message, retweets, likes and revision, separated by tabs; \"removed\" instead of the counts where a message is gone."),
        new("tweetcounts watch 1 --json | jq -c 'select(.kind == \"changes\").counts[]'", "A line of JSON for each update: connected, reset, changes, synced, heartbeat or disconnected."),
    ];

    protected override async Task<int> RunAsync(ParseResult arguments, CancellationToken stop)
    {
        var ids = arguments.GetValue(_ids) ?? [];
        var options = (ids.Length == 0 ? WatchOptions.All : WatchOptions.Of(ids)) with { MinInterval = arguments.GetValue(_minInterval) };
        using var service = _service.Connect(arguments);
        if (_service.Json(arguments))
        {
            await new WatchLines(new JsonUpdates(_terminal)).RunAsync(service, options, stop);
        }
        else if (_terminal.Interactive)
        {
            await new LiveTable(_terminal, service, _time).RunAsync(options, RowsOf(ids), stop);
        }
        else
        {
            await new WatchLines(new PlainUpdates(_terminal)).RunAsync(service, options, stop);
        }

        return ExitCode.Success;
    }

    private static Func<CountsMirror, ILiveRows> RowsOf(long[] ids) =>
        ids.Length == 0 ? mirror => new LatestRows(mirror) : mirror => new ChosenRows(mirror, [.. ids.Distinct()]);
}
