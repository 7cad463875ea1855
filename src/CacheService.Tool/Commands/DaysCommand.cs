using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using CacheService.Client;
using CacheService.Tool.Output;
using Spectre.Console;

namespace CacheService.Tool.Commands;

internal sealed class DaysCommand : ToolCommand
{
    private const string DayFormat = "yyyy-MM-dd";

    private readonly Terminal _terminal;
    private readonly ServiceOptions _service;
    private readonly RequirementOptions _requirement = new(withDatabase: false);
    private readonly Option<DateOnly?> _from = DayOption("--from", "The first day, such as 2026-11-01. Without it: the first that there is.");
    private readonly Option<DateOnly?> _to = DayOption("--to", "The last day. Without it: the last that there is.");

    public DaysCommand(Terminal terminal, TimeProvider time) : base("days", "Show what happened on each day, by the time of the activity itself.", terminal)
    {
        _terminal = terminal;
        _service = new ServiceOptions(time);
        Add(_from);
        Add(_to);
        _requirement.AddTo(this);
        _service.AddTo(this);
    }

    public override IReadOnlyList<Example> Examples =>
    [
        new("tweetcounts days", "All days on which something happened."),
        new("tweetcounts days --from 2026-11-01 --to 2026-11-30", "A month."),
        new("tweetcounts days --from 2026-11-29 --strong", "From that day on, with everything committed before now."),
        new("tweetcounts days --json | jq '.days[-1].retweets'", "For other programs."),
    ];

    protected override async Task<int> RunAsync(ParseResult arguments, CancellationToken stop)
    {
        var (from, to, requirement) = (arguments.GetValue(_from), arguments.GetValue(_to), _requirement.Read(arguments));
        using var service = _service.Connect(arguments);
        var answer = await service.CallAsync(client => client.ListDailyCountsAsync(from, to, requirement, stop));
        if (_service.Json(arguments))
        {
            JsonOutput.Write(_terminal, new
            {
                Days = answer.Days.Select(day => new { Day = Show(day.Day), day.Retweets, day.UndoneRetweets, day.Likes, day.UndoneLikes }),
                answer.TimeZone,
                Freshness = JsonOutput.Of(answer.Freshness),
            });
            return ExitCode.Success;
        }

        if (_terminal.Interactive)
            PrintTable(answer);
        else
            PrintLines(answer);
        FreshnessLine.Print(_terminal, answer.Freshness);
        return ExitCode.Success;
    }

    private void PrintTable(DaysAnswer answer)
    {
        var table = Tables.Create($"day ({PlainText.OneLine(answer.TimeZone)})", "retweets", "undone", "likes", "undone");
        foreach (var day in answer.Days)
            table.AddRow(Tables.Plain(Show(day.Day)), Tables.Number(day.Retweets), Tables.Number(day.UndoneRetweets), Tables.Number(day.Likes), Tables.Number(day.UndoneLikes));
        _terminal.Console.Write(table);
    }

    private void PrintLines(DaysAnswer answer)
    {
        foreach (var day in answer.Days)
            _terminal.Print($"{Show(day.Day)}\t{day.Retweets}\t{day.UndoneRetweets}\t{day.Likes}\t{day.UndoneLikes}");
    }

    private static string Show(DateOnly day) => day.ToString(DayFormat, CultureInfo.InvariantCulture);

    private static Option<DateOnly?> DayOption(string name, string description) => new(name) { HelpName = "DAY", Description = description, CustomParser = Parse };

    private static DateOnly? Parse(ArgumentResult result)
    {
        var text = result.Tokens[0].Value;
        if (DateOnly.TryParseExact(text, DayFormat, CultureInfo.InvariantCulture, DateTimeStyles.None, out var day))
            return day;

        result.AddError($"'{text}' is not a day: write it as in 2026-11-29");
        return null;
    }
}
