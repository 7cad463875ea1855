using System.Diagnostics;
using CacheService.LoadTests.Applying;
using CacheService.LoadTests.Articles;
using CacheService.LoadTests.Freshness;
using CacheService.LoadTests.Goals;
using CacheService.LoadTests.Horizon;
using CacheService.LoadTests.Machine;
using CacheService.LoadTests.Measuring;
using CacheService.LoadTests.Options;
using CacheService.LoadTests.Reads;
using CacheService.LoadTests.Redis;
using CacheService.LoadTests.Reporting;
using CacheService.LoadTests.Rpc;
using CacheService.LoadTests.Startup;
using CacheService.LoadTests.Streams;
using CacheService.LoadTests.Truth;
using CacheService.LoadTests.Writes;
using Spectre.Console;

namespace CacheService.LoadTests;

/// <summary>A run: starts what it needs, lets the parts measure, reports, and leaves nothing but the report.</summary>
/// <param name="options">What to measure.</param>
/// <param name="console">Where progress and results go.</param>
/// <param name="beforeComparison">Called before the cache is compared with the view: for tests, which make it wrong.</param>
internal sealed class LoadTestRun(LoadTestOptions options, IAnsiConsole console, Func<LoadDatabase, Task>? beforeComparison = null)
{
    private static readonly ILoadPart[] Parts = [new ReadsPart(), new RpcPart(), new WritesPart(), new RedisPart(), new FreshnessPart(), new StreamsPart(), new ApplyPart(), new StartupPart(), new ArticlesPart(), new HorizonPart()];

    /// <summary>The report, as far as it goes by now; none before the first part has ended.</summary>
    public IReadOnlyList<string> Files { get; private set; } = [];

    /// <summary>0; or 1 where the cache gave a wrong answer.</summary>
    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        ReportFiles.Prepare(options.Output);
        if (options.Published is { } published)
        {
            // Now, and not when it is to be started, after all that is measured before.
            _ = MeasuredService.ProgramIn(published);
        }

        var (started, start) = (DateTimeOffset.UtcNow, Stopwatch.GetTimestamp());
        var machine = MachineDescription.Read();
        var progress = new ProgressLine(console);
        progress.Show("starting PostgreSQL");
        await TemporaryFolder.RemoveLeftoversAsync(cancellationToken);
        using var folder = new TemporaryFolder();
        await using var server = await LoadTestServer.StartAsync(folder.Database, cancellationToken);
        var programs = ToolPrograms.Find(server.Programs);
        var context = new LoadTestContext(options, server, programs, new ViewComparison(beforeComparison), folder, progress);

        var terminal = new TerminalReport(console);
        var postgres = await server.DescribeAsync(cancellationToken);
        var report = new RunReport(started, TimeSpan.Zero, machine, postgres, options, [], []);
        ILoadPart[] chosen = [.. Parts.Where(part => options.Parts.Contains(part.Name))];
        for (var i = 0; i < chosen.Length; i++)
        {
            var result = new PartResult(chosen[i].Name, chosen[i].Title);
            progress.Part = $"{i + 1}/{chosen.Length} {chosen[i].Title}";
            await chosen[i].RunAsync(context, result, cancellationToken);
            progress.Clear();
            terminal.PrintPart(result);

            // After each part: what a later one runs into costs nothing that is measured already.
            PartResult[] results = [.. report.Parts, result];
            var figures = new RunFigures(options, results);
            report = report with { Duration = Stopwatch.GetElapsedTime(start), Parts = results, Goals = [.. GoalList.All.Select(goal => goal.Evaluate(figures))] };
            Files = ReportFiles.Write(report, options.Output);
        }

        terminal.PrintEnd(report, Files);
        return report.IsVoid ? 1 : 0;
    }
}
