using System.Globalization;
using System.Net;
using System.Reflection;
using System.Text;
using CacheService.LoadTests.Goals;
using CacheService.LoadTests.Measuring;

namespace CacheService.LoadTests.Reporting;

/// <summary>The results as one page that needs nothing else.</summary>
internal static class HtmlReport
{
    public static string Of(RunReport report)
    {
        var html = new StringBuilder();
        html.Append("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">");
        html.Append("<title>CacheService: load test</title><style>").Append(Style()).Append("</style></head><body>\n<h1>CacheService: load test</h1>\n");
        html.Append(CultureInfo.InvariantCulture, $"<p class=\"note\">{report.Started:yyyy-MM-dd HH:mm} UTC, {report.Duration.TotalMinutes:0.0} minutes. Medians of the rounds, with the least and the most; candidates took turns, and ratios are taken round by round.</p>\n");
        AppendVerdict(html, report);
        AppendGoals(html, report.Goals);
        foreach (var part in report.Parts)
        {
            AppendPart(html, part);
        }

        html.Append("<h2>Where</h2>\n<dl>");
        foreach (var (name, value) in report.Machine.Concat(report.Postgres.Select(setting => KeyValuePair.Create($"PostgreSQL {setting.Key}", setting.Value))))
        {
            html.Append(CultureInfo.InvariantCulture, $"<dt>{Escape(name)}</dt><dd>{Escape(value)}</dd>");
        }

        return html.Append("</dl>\n</body></html>\n").ToString();
    }

    private static void AppendVerdict(StringBuilder html, RunReport report)
    {
        if (report.IsVoid)
        {
            html.Append("<div class=\"void\"><p class=\"wrong\">This run is void: the cache gave wrong answers. No figure on this page counts.</p>");
            AppendLines(html, "wrong", report.WrongAnswers);
            html.Append("</div>\n");
        }
        else if (report.Compared > 0)
        {
            html.Append(CultureInfo.InvariantCulture, $"<p class=\"met\">The cache equalled the view after every part: {report.Compared:N0} messages compared.</p>\n");
        }

        AppendLines(html, "notRun", report.NotRun.Select(reason => $"Not run: {reason}"));
    }

    private static void AppendGoals(StringBuilder html, IReadOnlyList<GoalResult> goals)
    {
        html.Append("<h2>Goals</h2>\n<div class=\"wide\"><table><tr><th>goal</th><th>wanted</th><th>measured</th><th></th><th class=\"text\">where</th></tr>\n");
        foreach (var goal in goals)
        {
            var (style, word) = goal.Outcome switch
            {
                GoalOutcome.Met => ("met", "met"),
                GoalOutcome.Missed => ("missed", "missed"),
                _ => ("notMeasured", "not measured"),
            };
            var value = goal.Value is { } known ? $"{Figures.Short(known)} {goal.Unit}" : "–";
            html.Append(CultureInfo.InvariantCulture, $"<tr><td class=\"text\">{Escape(goal.Name)}</td><td>{Escape(goal.Wanted)}</td><td>{Escape(value)}</td><td class=\"{style}\">{word}</td><td class=\"text\">{Escape(goal.Note)}</td></tr>\n");
        }

        html.Append("</table></div>\n");
    }

    private static void AppendPart(StringBuilder html, PartResult part)
    {
        html.Append(CultureInfo.InvariantCulture, $"<h2>{Escape(part.Title)}</h2>\n");
        AppendLines(html, "note", part.Notes);
        AppendLines(html, "notRun", part.NotRun.Select(reason => $"Not run: {reason}"));
        AppendLines(html, "wrong", part.WrongAnswers);
        foreach (var scenario in part.Scenarios)
        {
            // What others have published is in the table only.
            html.Append(BarChart.Of(scenario)).Append(CultureInfo.InvariantCulture, $"\n<details{(scenario.Published.Count > 0 ? " open" : "")}><summary>Figures</summary><div class=\"wide\">");
            AppendTable(html, scenario);
            html.Append("</div></details>\n");
        }
    }

    private static void AppendTable(StringBuilder html, Scenario scenario)
    {
        string[] details = [.. scenario.Series.SelectMany(series => series.Details.Keys).Distinct()];
        AppendRow(html, "th", ["", scenario.Unit, "min", "max", scenario.Baseline is null ? "" : $"times {scenario.Baseline}", .. scenario.Published.Count == 0 ? Array.Empty<string>() : ["printed"], .. details], "<table>");
        foreach (var series in scenario.Series)
        {
            var ratio = scenario.RatioToBaseline(series) is { } known ? $"{Figures.Short(known.Median)} ({Figures.Short(known.Min)} to {Figures.Short(known.Max)})" : "";
            AppendRow(
                html, "td",
                [
                    series.Candidate, Figures.Short(series.Spread.Median), Figures.Short(series.Spread.Min), Figures.Short(series.Spread.Max), ratio,
                    .. scenario.Published.Count == 0 ? Array.Empty<string>() : [Figures.Published(scenario, series)],
                    .. details.Select(detail => series.Details.TryGetValue(detail, out var value) ? Figures.Short(value) : ""),
                ]);
        }

        html.Append("</table>");
    }

    private static void AppendRow(StringBuilder html, string tag, IEnumerable<string> cells, string before = "") =>
        html.Append(before).Append("<tr>").AppendJoin("", cells.Select(cell => $"<{tag}>{Escape(cell)}</{tag}>")).Append("</tr>");

    private static void AppendLines(StringBuilder html, string style, IEnumerable<string> lines)
    {
        foreach (var line in lines)
        {
            html.Append(CultureInfo.InvariantCulture, $"<p class=\"{style}\">{Escape(line)}</p>\n");
        }
    }

    private static string Escape(string text) => WebUtility.HtmlEncode(text);

    private static string Style()
    {
        using var reader = new StreamReader(Assembly.GetExecutingAssembly().GetManifestResourceStream("page.css")!);
        return reader.ReadToEnd();
    }
}
