using CacheService.LoadTests.Measuring;

namespace CacheService.LoadTests.Articles;

/// <summary>What an article prints of one benchmark: the seconds of <see cref="Contender.Update"/> and of what it compares with that.</summary>
internal sealed record PrintedRun(string Article, RetweetWorkers Benchmark, double UpdateSeconds, string Contender, double Seconds)
{
    /// <summary>All that is printed.</summary>
    public static IReadOnlyList<PrintedRun> All { get; } =
    [
        new("Modeling for Concurrency", new RetweetWorkers(100, 10), 3.099873, Articles.Contender.Insert, 2.132164),
        new("Modeling for Concurrency", new RetweetWorkers(100, 50), 5.070135, Articles.Contender.Insert, 3.739505),
        new("Computing and Caching", new RetweetWorkers(100, 100), 8.132917, Articles.Contender.Insert, 6.684597),
        new("PostgreSQL LISTEN/NOTIFY", new RetweetWorkers(100, 100), 8.428939, Articles.Contender.Notify, 10.351908),
    ];

    /// <summary>What is printed of a benchmark, in retweets a second; nothing where no article has run it.</summary>
    public static IReadOnlyList<PublishedFigure> Of(RetweetWorkers benchmark) => [.. All.Where(run => run.Benchmark == benchmark).SelectMany(run => run.Figures())];

    private PublishedFigure[] Figures() =>
    [
        new(Articles.Contender.Update, Benchmark.Total / UpdateSeconds, RatioToBaseline: null, Article),
        new(Contender, Benchmark.Total / Seconds, UpdateSeconds / Seconds, Article),
    ];
}
