using System.Collections.Concurrent;
using System.CommandLine;
using CacheService.Client;
using CacheService.Tool.Output;
using CacheService.Tool.Service;
using CacheService.Tool.Watching;
using Grpc.Core;
using Spectre.Console;

namespace CacheService.Tool.Commands;

internal sealed class TopCommand : ToolCommand
{
    private const int ParallelCalls = 8;

    // The width of the columns beside author and text.
    private const int NumberColumns = 48;
    private const int AuthorWidth = 16;

    private readonly Terminal _terminal;
    private readonly TimeProvider _time;
    private readonly ServiceOptions _service;
    private readonly Option<string> _by = new("--by") { Description = "What counts.", DefaultValueFactory = _ => "total" };
    private readonly Option<int> _limit = new("--limit", "-n") { HelpName = "N", Description = "How many.", DefaultValueFactory = _ => 10 };

    private readonly Option<bool> _watch = new("--watch", "-w") { Description = "Keep the ranking up to date, until Ctrl-C." };

    public TopCommand(Terminal terminal, TimeProvider time) : base("top", "Show the messages with the highest counts, highest first.", terminal)
    {
        _terminal = terminal;
        _time = time;
        _service = new ServiceOptions(time);
        _by.AcceptOnlyFromAmong("total", "retweets", "likes");
        _limit.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() < 1)
                result.AddError("--limit is 1 or more");
        });
        Add(_by);
        Add(_limit);
        Add(_watch);
        _service.AddTo(this);
    }

    public override IReadOnlyList<Example> Examples =>
    [
        new("tweetcounts top", "The ten messages with the most retweets and likes together."),
        new("tweetcounts top --by likes --limit 3", "The three most liked."),
        new("tweetcounts top --watch", "The ranking as it changes."),
        new("tweetcounts top --limit 1 --json | jq '.counts[0].messageId'", "For other programs."),
    ];

    protected override async Task<int> RunAsync(ParseResult arguments, CancellationToken stop)
    {
        var limit = arguments.GetValue(_limit);
        var order = arguments.GetValue(_by) switch
        {
            "retweets" => TopOrder.Retweets,
            "likes" => TopOrder.Likes,
            _ => TopOrder.Total,
        };
        using var service = _service.Connect(arguments);
        if (arguments.GetValue(_watch))
        {
            await WatchAsync(service, order, limit, _service.Json(arguments), stop);
            return ExitCode.Success;
        }

        var answer = await service.CallAsync(client => client.ListTopCountsAsync(order, limit, stop));
        if (_service.Json(arguments))
        {
            JsonOutput.Write(_terminal, new { Counts = answer.Counts.Select(JsonOutput.Of), Freshness = JsonOutput.Of(answer.Freshness) });
            return ExitCode.Success;
        }

        if (_terminal.Interactive)
            PrintTable(answer, await DescribeAsync(service, answer, stop));
        else
            PrintLines(answer);
        FreshnessLine.Print(_terminal, answer.Freshness);
        return ExitCode.Success;
    }

    private Task WatchAsync(ServiceConnection service, TopOrder order, int limit, bool json, CancellationToken stop) => _terminal.Interactive && !json
        ? new LiveTable(_terminal, service, _time, withTotal: true).RunAsync(WatchOptions.All, mirror => new TopRows(mirror, order, limit), stop)
        : new TopLines(_terminal, _time, json).RunAsync(service, order, limit, stop);

    private static async Task<IReadOnlyDictionary<long, TweetMessage>> DescribeAsync(ServiceConnection service, TopAnswer answer, CancellationToken stop)
    {
        var found = new ConcurrentDictionary<long, TweetMessage>();
        var options = new ParallelOptions { MaxDegreeOfParallelism = ParallelCalls, CancellationToken = stop };
        await Parallel.ForEachAsync(answer.Counts, options, async (counts, cancellation) =>
        {
            try
            {
                found[counts.MessageId] = await service.CallAsync(client => client.GetMessageAsync(counts.MessageId, cancellationToken: cancellation));
            }
            catch (ToolException e) when (e.InnerException is RpcException { StatusCode: StatusCode.NotFound or StatusCode.Unavailable })
            {
                // Deleted since, or the database is away: the counts are shown without it.
            }
        });
        return found;
    }

    private void PrintTable(TopAnswer answer, IReadOnlyDictionary<long, TweetMessage> messages)
    {
        var textWidth = Math.Max(10, _terminal.Console.Profile.Width - NumberColumns - AuthorWidth);
        var table = Tables.Create("message", "retweets", "likes", "total").WithText("author", AuthorWidth).WithText("text", textWidth);
        foreach (var counts in answer.Counts)
        {
            var message = messages.GetValueOrDefault(counts.MessageId);
            table.AddRow(
                Tables.Id(counts.MessageId),
                Tables.Number(counts.Retweets),
                Tables.Number(counts.Likes),
                Tables.Number(counts.Retweets + counts.Likes),
                Tables.Plain(PlainText.Shorten(message?.Author ?? "", AuthorWidth)),
                Tables.Plain(PlainText.Shorten(message?.Text ?? "", textWidth)));
        }
        _terminal.Console.Write(table);
    }

    private void PrintLines(TopAnswer answer)
    {
        foreach (var counts in answer.Counts)
            _terminal.Print($"{counts.MessageId}\t{counts.Retweets}\t{counts.Likes}\t{counts.Revision}");
    }
}
