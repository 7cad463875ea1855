using System.CommandLine;
using System.Globalization;
using CacheService.Client;
using CacheService.Tool.Output;
using Spectre.Console;

namespace CacheService.Tool.Commands;

internal sealed class AuditCommand : ToolCommand
{
    private const int TimeoutSeconds = 600;
    private const int ShownUncompared = 10;

    private readonly Terminal _terminal;
    private readonly ServiceOptions _service;

    public AuditCommand(Terminal terminal, TimeProvider time) : base(
        "audit",
        "Compare all counts with the database's tables now, at full pace and without holding up anybody, and correct what differs. "
            + "The exit code is 1 if something differed, or if the triggers that record changes are missing or disabled.",
        terminal)
    {
        _terminal = terminal;
        _service = new ServiceOptions(time, TimeoutSeconds);
        _service.AddTo(this);
    }

    public override IReadOnlyList<Example> Examples =>
    [
        new("tweetcounts audit", "The service on this machine. It goes on with the audit if this is interrupted."),
        new("tweetcounts audit --timeout 1h", "For a service with very many messages."),
        new("tweetcounts audit --json | jq .differences", "For other programs."),
    ];

    protected override async Task<int> RunAsync(ParseResult arguments, CancellationToken stop)
    {
        using var service = _service.Connect(arguments);
        var audit = await service.CallAsync(client => client.AuditNowAsync(cancellationToken: stop));
        if (_service.Json(arguments))
            PrintJson(audit);
        else
            Print(audit);
        return audit.Differences == 0 && audit.DayDifferences == 0 && audit.Uncompared == 0 && audit.DaysUncompared.Length == 0 && audit.TriggersWarning.Length == 0 ? ExitCode.Success : ExitCode.Failure;
    }

    private void Print(AuditAnswer audit)
    {
        if (_terminal.Interactive)
            PrintTable(audit);
        else
            PrintLines(audit);

        if (audit.FirstDifferences.Count < audit.Differences)
            _terminal.Note($"shown are the first {audit.FirstDifferences.Count}");
        Summarize(audit);
        FreshnessLine.Print(_terminal, audit.Freshness);
        if (audit.Uncompared > 0)
        {
            _terminal.Fail(string.Create(
                CultureInfo.InvariantCulture,
                $"{audit.Uncompared:N0} messages could not be compared, because the count of their activity took too long: {string.Join(", ", audit.FirstUncompared.Take(ShownUncompared))}; the service's log says what helps"));
        }

        if (audit.DaysUncompared.Length > 0)
            _terminal.Fail($"the days could not be compared: {audit.DaysUncompared}");
        if (audit.TriggersWarning.Length > 0)
            _terminal.Fail(audit.TriggersWarning);
    }

    private void Summarize(AuditAnswer audit)
    {
        var summary = string.Create(
            CultureInfo.InvariantCulture,
            $"{audit.Messages:N0} messages compared in {Durations.Format(audit.Duration)}: {audit.Differences:N0} differed, {audit.Repaired:N0} of those corrected{(audit.Days + audit.DayDifferences > 0 ? $"; {audit.Days:N0} days: {audit.DayDifferences:N0} differed" : "")}");
        if (_terminal.Interactive)
            _terminal.Print(summary);
        else
            _terminal.Note(summary);
    }

    private void PrintTable(AuditAnswer audit)
    {
        if (audit.FirstDifferences.Count == 0)
            return;

        var table = Tables.Create("message", "retweets", "instead of", "likes", "instead of");
        foreach (var (messageId, expected, actual) in audit.FirstDifferences)
            table.AddRow(Tables.Id(messageId), Cell(actual?.Retweets), Cell(expected?.Retweets), Cell(actual?.Likes), Cell(expected?.Likes));
        _terminal.Console.Write(table);

        static Markup Cell(long? number) => number is { } known ? Tables.Number(known) : Tables.Faint("none");
    }

    // What the cache had, then what the database has; empty where there is no such message.
    private void PrintLines(AuditAnswer audit)
    {
        foreach (var (messageId, expected, actual) in audit.FirstDifferences)
            _terminal.Print($"{messageId}\t{actual?.Retweets}\t{actual?.Likes}\t{expected?.Retweets}\t{expected?.Likes}");
    }

    private void PrintJson(AuditAnswer audit) => JsonOutput.Write(_terminal, new
    {
        audit.Messages,
        audit.Differences,
        audit.Repaired,
        audit.FirstDifferences,
        DurationSeconds = audit.Duration.TotalSeconds,
        audit.TriggersWarning,
        audit.Uncompared,
        audit.FirstUncompared,
        audit.Days,
        audit.DayDifferences,
        audit.DaysUncompared,
        Freshness = JsonOutput.Of(audit.Freshness),
    });
}
