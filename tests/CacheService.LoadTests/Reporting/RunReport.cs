using CacheService.LoadTests.Goals;
using CacheService.LoadTests.Measuring;
using CacheService.LoadTests.Options;

namespace CacheService.LoadTests.Reporting;

/// <summary>All that a run has found.</summary>
internal sealed record RunReport(
    DateTimeOffset Started,
    TimeSpan Duration,
    IReadOnlyDictionary<string, string> Machine,
    IReadOnlyDictionary<string, string> Postgres,
    LoadTestOptions Options,
    IReadOnlyList<PartResult> Parts,
    IReadOnlyList<GoalResult> Goals)
{
    /// <summary>Whether the cache was wrong anywhere: then no figure counts.</summary>
    public bool IsVoid => Parts.Any(part => part.WrongAnswers.Count > 0);

    public long Compared => Parts.Sum(part => part.Compared);

    public IEnumerable<string> WrongAnswers => Parts.SelectMany(part => part.WrongAnswers.Select(wrong => $"{part.Title}: {wrong}"));

    public IEnumerable<string> NotRun => Parts.SelectMany(part => part.NotRun.Select(reason => $"{part.Title}: {reason}"))
        .Concat(Options.Parts.Except(Parts.Select(part => part.Name)).Select(name => $"{name}: the run ended before it did"));
}
