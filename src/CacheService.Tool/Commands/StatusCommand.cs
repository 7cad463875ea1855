using System.CommandLine;
using System.Globalization;
using CacheService.Client;
using CacheService.Tool.Output;
using Spectre.Console;

namespace CacheService.Tool.Commands;

internal sealed class StatusCommand : ToolCommand
{
    private readonly Terminal _terminal;
    private readonly ServiceOptions _service;

    public StatusCommand(Terminal terminal, TimeProvider time) : base("status", "Show how the service is doing.", terminal)
    {
        _terminal = terminal;
        _service = new ServiceOptions(time);
        _service.AddTo(this);
    }

    public override IReadOnlyList<Example> Examples =>
    [
        new("tweetcounts status", "The service on this machine."),
        new("tweetcounts status --address http://counts:5080 --json | jq .ageSeconds", "For other programs."),
    ];

    protected override async Task<int> RunAsync(ParseResult arguments, CancellationToken stop)
    {
        using var service = _service.Connect(arguments);
        var status = await service.CallAsync(client => client.GetStatusAsync(stop));
        if (_service.Json(arguments))
            PrintJson(status);
        else if (_terminal.Interactive)
            PrintGrid(status);
        else
            PrintLines(status);
        return ExitCode.Success;
    }

    private static IEnumerable<(string Name, string Value)> Describe(ServiceStatus status) =>
    [
        ("state", FeedStates.Name(status.State)),
        .. status.Detail.Length > 0 ? [("because", PlainText.OneLine(status.Detail))] : Array.Empty<(string, string)>(),
        ("age", status.Age is { } age ? Durations.Format(age) : "unknown"),
        ("revision", $"{status.Revision}"),
        ("epoch", status.Epoch),
        ("snapshot", status.Snapshot),
        ("messages", status.Messages.ToString("N0", CultureInfo.InvariantCulture)),
        ("days", status.DayTimeZone.Length > 0 ? $"{status.Days.ToString("N0", CultureInfo.InvariantCulture)}, {PlainText.OneLine(status.DayTimeZone)}" : "none"),
        ("watchers", status.Watchers.ToString("N0", CultureInfo.InvariantCulture)),
        ("drains", status.Drains.ToString("N0", CultureInfo.InvariantCulture)),
        ("bells", status.Bells.ToString("N0", CultureInfo.InvariantCulture)),
        ("notifications", status.NotificationsWorking ? "working" : "not working"),
        ("ringer", status.Ringer ? "yes" : "no"),
        ("queue usage", status.NotificationQueueUsage.ToString("0.####%", CultureInfo.InvariantCulture)),
        ("audits", status.Audits.ToString("N0", CultureInfo.InvariantCulture)),
        ("audit differences", status.AuditDifferences.ToString("N0", CultureInfo.InvariantCulture)),
        ("last audit", DescribeLastAudit(status)),
        ("written back", DescribeRollup(status)),
        ("PostgreSQL", status.ServerVersion),
        ("uptime", status.Uptime is { } uptime ? Durations.Format(uptime) : "unknown"),
    ];

    private static string DescribeLastAudit(ServiceStatus status) => (status.LastAuditAt, status.LastAuditDuration) is ({ } endedAt, { } duration)
        ? $"{endedAt:u}, took {Durations.Format(duration)}"
        : "none yet";

    private static string DescribeRollup(ServiceStatus status) => (status.RollupAge is { } age ? $"{Durations.Format(age)} ago" : "no")
        + (status.RollupDetail.Length > 0 ? $": {PlainText.OneLine(status.RollupDetail)}" : "");

    private void PrintGrid(ServiceStatus status)
    {
        var grid = new Grid().AddColumn(new GridColumn().NoWrap()).AddColumn();
        foreach (var (name, value) in Describe(status))
        {
            var style = name is "state" ? new Style(FeedStates.Color(status.State)) : Style.Plain;
            grid.AddRow(Tables.Faint(name), new Markup(Markup.Escape(value), style));
        }
        _terminal.Console.Write(grid);
    }

    private void PrintLines(ServiceStatus status)
    {
        foreach (var (name, value) in Describe(status))
            _terminal.Print($"{name}\t{value}");
    }

    private void PrintJson(ServiceStatus status) => JsonOutput.Write(_terminal, new
    {
        State = FeedStates.Name(status.State),
        status.Detail,
        AgeSeconds = status.Age?.TotalSeconds,
        status.Revision,
        status.Epoch,
        status.Snapshot,
        status.Messages,
        status.Watchers,
        status.Drains,
        status.Bells,
        status.NotificationsWorking,
        status.Ringer,
        status.NotificationQueueUsage,
        status.ServerVersion,
        UptimeSeconds = status.Uptime?.TotalSeconds,
        status.Audits,
        status.AuditDifferences,
        status.LastAuditAt,
        LastAuditSeconds = status.LastAuditDuration?.TotalSeconds,
        RollupAgeSeconds = status.RollupAge?.TotalSeconds,
        status.RollupDetail,
        status.Days,
        status.DayTimeZone,
    });
}
