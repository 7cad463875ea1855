using System.CommandLine;
using CacheService.Client;
using CacheService.Tool.Output;
using Spectre.Console;

namespace CacheService.Tool.Commands;

internal sealed class GetCommand : ToolCommand
{
    private readonly Terminal _terminal;
    private readonly ServiceOptions _service;
    private readonly RequirementOptions _requirement = new();
    private readonly Argument<long[]> _ids = new("ID")
    {
        Description = "Message ids.",
        Arity = ArgumentArity.OneOrMore,
    };

    public GetCommand(Terminal terminal, TimeProvider time) : base("get", "Show the counts of messages, all from one snapshot of the database.", terminal)
    {
        _terminal = terminal;
        _service = new ServiceOptions(time);
        _ids.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<long[]>()?.Any(id => id < 1) == true)
                result.AddError("message ids are 1 and up");
        });
        Add(_ids);
        _requirement.AddTo(this);
        _service.AddTo(this);
    }

    public override IReadOnlyList<Example> Examples =>
    [
        new("tweetcounts get 1 2 3", "The counts as the service has them."),
        new("tweetcounts get 1 --strong", "The counts with everything committed before now."),
        new("tweetcounts get 1 --at-least-xid 7351", "The counts with that transaction: read your own write."),
        new("tweetcounts get 1 --from-database", "The counts that the tables have, whatever the service has in its cache."),
        new("tweetcounts get $(seq 100) --json | jq '.counts[].likes'", "For other programs."),
    ];

    protected override async Task<int> RunAsync(ParseResult arguments, CancellationToken stop)
    {
        var (ids, requirement) = (arguments.GetRequiredValue(_ids), _requirement.Read(arguments));
        using var service = _service.Connect(arguments);
        var answer = await service.CallAsync(client => client.BatchGetCountsAsync(ids, requirement, stop));

        if (_service.Json(arguments))
        {
            JsonOutput.Write(_terminal, new
            {
                Counts = answer.Found.Select(JsonOutput.Of),
                Missing = answer.MissingMessageIds,
                Freshness = JsonOutput.Of(answer.Freshness),
            });
        }
        else
        {
            Print(answer);
        }
        return answer.MissingMessageIds.Count == 0 ? ExitCode.Success : ExitCode.Failure;
    }

    private void Print(BatchAnswer answer)
    {
        if (answer.Found.Count > 0)
            PrintCounts(answer);
        FreshnessLine.Print(_terminal, answer.Freshness);
        if (answer.MissingMessageIds.Count > 0)
            _terminal.Fail($"no such message: {string.Join(", ", answer.MissingMessageIds)}");
    }

    private void PrintCounts(BatchAnswer answer)
    {
        if (!_terminal.Interactive)
        {
            foreach (var counts in answer.Found)
                _terminal.Print($"{counts.MessageId}\t{counts.Retweets}\t{counts.Likes}\t{counts.Revision}");
            return;
        }

        var table = Tables.Create("message", "retweets", "likes", "changed at");
        foreach (var counts in answer.Found)
            table.AddRow(Tables.Id(counts.MessageId), Tables.Number(counts.Retweets), Tables.Number(counts.Likes), Tables.Faint($"{counts.Revision}"));
        _terminal.Console.Write(table);
    }
}
