using System.Globalization;
using CacheService.LoadTests.Machine;
using CacheService.LoadTests.Measuring;
using CacheService.LoadTests.Options;
using CacheService.LoadTests.Writes;

namespace CacheService.LoadTests.Freshness;

/// <summary>How long after a commit it shows.</summary>
internal sealed class FreshnessPart : ILoadPart
{
    public const string ReaderP50 = "seen by GetCounts: p50";
    public const string ReaderP99 = "seen by GetCounts: p99";

    public const string WatcherP50 = "arrived at a watcher: p50";
    public const string WatcherP99 = "arrived at a watcher: p99";

    /// <summary>The detail with the value over the samples of all rounds together.</summary>
    public const string AllRounds = "all rounds";

    /// <summary>The detail with the rate that was reached.</summary>
    public const string Reached = "reached/s";

    public string Name => PartNames.Freshness;

    public string Title => "Freshness";

    public static string ScenarioName(int rate) => string.Create(CultureInfo.InvariantCulture, $"{rate:N0} transactions a second");

    public async Task RunAsync(LoadTestContext context, PartResult result, CancellationToken cancellationToken)
    {
        var options = context.Options;
        result.Notes.Add($"From the moment at which a writer is told that its commit is done. A probe writes up to {PacedLoad.MostProbes} of the transactions; meanwhile a reader calls "
            + "GetCounts of its message, begun before the commit and again a millisecond after each answer, and a watcher watches that message over a connection of its own. So a figure of "
            + "the reader contains that pause and a call, as its user sees it. pgbench writes the other transactions, spread over all other messages.");
        var rates = context.Programs.Pgbench is null ? [.. options.Rates.Where(rate => rate <= PacedLoad.MostProbes)] : options.Rates;
        if (rates.Count < options.Rates.Count)
        {
            result.NotRun.Add($"{Pgbench.Missing}: freshness was not measured above {PacedLoad.MostProbes} transactions a second");
        }

        context.Progress.Show("filling the tables");
        await using var database = await LoadDatabase.CreateAsync(context.Server, "load_freshness", template: null, cancellationToken);
        // The last message is the probe's.
        await database.FillAsync(options.Messages + 1, rows: 10, cancellationToken);
        await using var service = await MeasuredService.StartAsync(database, [], cancellationToken);
        await using (var probe = await Probe.StartAsync(database, service, options.Messages + 1, cancellationToken))
        {
            var pgbench = context.Programs.Pgbench is { } program ? new Pgbench(program, context.Folder) : null;
            var script = context.Folder.Write("freshness.sql", $"\\set id random(1, {options.Messages})\ninsert into tweet.activity (messageid, action) values (:id, 'rt');\n");
            await RunAsync(rates, new PacedLoad(pgbench, script, database, probe), context, result, cancellationToken);
        }

        context.Progress.Show("comparing the cache with the view");
        await context.Comparison.CompareAsync("after the freshness", database, service.Client, result, cancellationToken);
    }

    private static async Task RunAsync(IReadOnlyList<int> rates, PacedLoad load, LoadTestContext context, PartResult result, CancellationToken cancellationToken)
    {
        var rounds = rates.ToDictionary(rate => rate, _ => new List<FreshnessRound>());
        var duration = context.Options.LongRound * 2;
        foreach (var rate in rates)
        {
            context.Progress.Show($"{ScenarioName(rate)}: warm-up");
            await load.RunAsync(rate, context.Options.LongRound, cancellationToken);
        }

        for (var round = 0; round < context.Options.Rounds; round++)
        {
            foreach (var rate in rates)
            {
                context.Progress.Show($"{ScenarioName(rate)}: round {round + 1} of {context.Options.Rounds}");
                rounds[rate].Add(await load.RunAsync(rate, duration, cancellationToken));
            }
        }

        result.Scenarios.AddRange(rates.Select(rate => Summarize(rate, rounds[rate])));
    }

    private static Scenario Summarize(int rate, List<FreshnessRound> rounds)
    {
        return new Scenario(ScenarioName(rate), "ms", Baseline: null,
        [
            Row(ReaderP50, round => round.Visible, 0.5),
            Row(ReaderP99, round => round.Visible, 0.99),
            Row("seen by GetCounts: max", round => round.Visible, 1),
            Row(WatcherP50, round => round.Watched, 0.5),
            Row(WatcherP99, round => round.Watched, 0.99),
            Row("arrived at a watcher: max", round => round.Watched, 1),
        ]);

        Series Row(string name, Func<FreshnessRound, IReadOnlyList<double>> samples, double share) => new(
            name,
            [.. rounds.Select(round => Percentile.Of(samples(round), share))],
            new Dictionary<string, double>
            {
                [AllRounds] = Percentile.Of(rounds.SelectMany(samples), share),
                ["samples"] = rounds.Sum(round => samples(round).Count),
                [Reached] = Percentile.Of(rounds.Select(round => round.Reached), 0.5),
            });
    }
}
