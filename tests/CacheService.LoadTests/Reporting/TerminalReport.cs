using CacheService.LoadTests.Goals;
using CacheService.LoadTests.Measuring;
using Spectre.Console;

namespace CacheService.LoadTests.Reporting;

/// <summary>The results for whoever sits at the terminal.</summary>
internal sealed class TerminalReport(IAnsiConsole console)
{
    // In less the notes would make the table a column of words.
    private const int WidthForNotes = 120;

    public void PrintPart(PartResult part)
    {
        console.WriteLine();
        console.Write(new Rule($"[bold]{Markup.Escape(part.Title)}[/]").LeftJustified());
        foreach (var note in part.Notes)
        {
            console.Write(new Text(note + "\n", new Style(Color.Grey)));
        }

        foreach (var scenario in part.Scenarios)
        {
            Print(scenario);
        }

        PrintWarnings(part.NotRun.Select(reason => $"NOT RUN: {reason}"), Color.Yellow);
        PrintWarnings(part.WrongAnswers.Select(wrong => $"WRONG: {wrong}"), Color.Red);
        if (part.WrongAnswers.Count == 0 && part.Compared > 0)
        {
            console.Write(new Text(FormattableString.Invariant($"The cache equals the view: {part.Compared:N0} messages compared.\n"), new Style(Color.Green)));
        }
    }

    public void PrintEnd(RunReport report, IReadOnlyList<string> files)
    {
        console.WriteLine();
        console.Write(new Rule("[bold]Goals[/]").LeftJustified());
        var isWide = console.Profile.Width >= WidthForNotes;
        var table = NewTable(["goal", "wanted", "measured", "", .. isWide ? ["where"] : Array.Empty<string>()]);
        foreach (var goal in report.Goals)
        {
            var value = goal.Value is { } known ? $"{Figures.Short(known)} {goal.Unit}".TrimEnd() : "–";
            Text[] cells = [new(goal.Name), new(goal.Wanted), new(value), Outcome(goal.Outcome)];
            table.AddRow(isWide ? [.. cells, new Text(goal.Note, new Style(Color.Grey))] : cells);
        }

        console.Write(table);
        console.Write(new Text($"PostgreSQL: {Listed(report.Postgres)}\nMachine: {Listed(report.Machine)}\n", new Style(Color.Grey)));
        PrintWarnings(report.NotRun.Select(reason => $"NOT RUN: {reason}"), Color.Yellow);
        if (report.IsVoid)
        {
            PrintWarnings(["THIS RUN IS VOID: the cache gave wrong answers. No figure above counts.", .. report.WrongAnswers.Select(wrong => $"  {wrong}")], Color.Red);
        }

        foreach (var file in files)
        {
            console.WriteLine(file);
        }
    }

    private static string Listed(IReadOnlyDictionary<string, string> values) => string.Join(", ", values.Select(value => $"{value.Key} {value.Value}"));

    private static Text Outcome(GoalOutcome outcome) => outcome switch
    {
        GoalOutcome.Met => new Text("met", new Style(Color.Green)),
        GoalOutcome.Missed => new Text("missed", new Style(Color.Red)),
        _ => new Text("not measured", new Style(Color.Yellow)),
    };

    private static Table NewTable(params string[] columns)
    {
        var table = new Table().Border(TableBorder.Simple);
        foreach (var column in columns)
        {
            table.AddColumn(new TableColumn(new Text(column, new Style(Color.Grey))));
        }

        return table;
    }

    private void Print(Scenario scenario)
    {
        string[] details = [.. scenario.Series.SelectMany(series => series.Details.Keys).Distinct()];
        var table = NewTable([$"{scenario.Name}", scenario.Unit, "min", "max", .. scenario.Baseline is null ? Array.Empty<string>() : [$"times {scenario.Baseline}"], .. scenario.Published.Count == 0 ? Array.Empty<string>() : ["printed"], .. details]);
        foreach (var column in table.Columns.Skip(1))
        {
            column.RightAligned();
        }

        foreach (var series in scenario.Series)
        {
            List<string> cells = [series.Candidate, Figures.Short(series.Spread.Median), Figures.Short(series.Spread.Min), Figures.Short(series.Spread.Max)];
            if (scenario.Baseline is not null)
            {
                cells.Add(scenario.RatioToBaseline(series) is { } ratio ? $"{Figures.Short(ratio.Median)} ({Figures.Short(ratio.Min)} to {Figures.Short(ratio.Max)})" : "");
            }

            if (scenario.Published.Count > 0)
            {
                cells.Add(Figures.Published(scenario, series));
            }

            cells.AddRange(details.Select(detail => series.Details.TryGetValue(detail, out var value) ? Figures.Short(value) : ""));
            table.AddRow(cells.Select(cell => new Text(cell)));
        }

        console.Write(table);
    }

    private void PrintWarnings(IEnumerable<string> lines, Color color)
    {
        foreach (var line in lines)
        {
            console.Write(new Text(line + "\n", new Style(color, decoration: Decoration.Bold)));
        }
    }
}
