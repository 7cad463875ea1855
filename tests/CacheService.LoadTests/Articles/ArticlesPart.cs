using System.Globalization;
using CacheService.LoadTests.Measuring;
using CacheService.LoadTests.Options;

namespace CacheService.LoadTests.Articles;

/// <summary>The benchmarks of the article series "PostgreSQL Concurrency", as the articles describe them, beside what they printed.</summary>
internal sealed class ArticlesPart : ILoadPart
{
    public string Name => PartNames.Series;

    public string Title => "The articles' benchmarks";

    public static string ScenarioName(RetweetWorkers workers) =>
        string.Create(CultureInfo.InvariantCulture, $"{workers.Workers} × {workers.Retweets} retweets of one message");

    public async Task RunAsync(LoadTestContext context, PartResult result, CancellationToken cancellationToken)
    {
        result.Notes.Add("As in the article series \"PostgreSQL Concurrency\": so many workers at once, each of which opens a connection, within the measured time, and retweets the same message so many "
            + "times, a transaction each. Each candidate has a database of its own. After each run its total is checked, and the cache is compared with the view.");
        result.Notes.Add("\"printed\": what the articles say, and in brackets its ratio to their update. The absolute numbers do not compare, because theirs are of another machine and another client, "
            + "they do not say whether their server waited for its disk (fsync), and opening the connections is part of the measured time; the ratios come nearer to it.");
        context.Progress.Show("making a database for each candidate");
        await using var runs = await CheckedRuns.StartAsync(context, result, cancellationToken);

        // A run is as long as its retweets take. Once is enough for code that is still to be compiled, and for the caches of the system.
        var warmUp = context.Options.WarmUp;
        foreach (var retweets in context.Options.SeriesRetweets)
        {
            var workers = new RetweetWorkers(context.Options.SeriesWorkers, retweets);
            var name = ScenarioName(workers);
            context.Progress.Show($"{name}: vacuum and checkpoint");
            await runs.TidyAsync(cancellationToken);
            Candidate[] candidates =
            [
                .. Contender.All.Select(contender => new Candidate(contender.Name, (_, cancellation) => runs.RunAsync(contender, workers, name, cancellation))),
            ];
            var scenario = await new Turns(warmUp, TimeSpan.Zero, context.Options.Rounds).RunAsync(
                name, "retweets/s", Contender.Update, candidates, context.Progress, cancellationToken);
            result.Scenarios.Add(scenario with { Published = PrintedRun.Of(workers) });
            warmUp = TimeSpan.Zero;
        }
    }
}
