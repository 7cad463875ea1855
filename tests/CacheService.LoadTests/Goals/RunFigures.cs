using CacheService.LoadTests.Freshness;
using CacheService.LoadTests.Measuring;
using CacheService.LoadTests.Options;
using CacheService.LoadTests.Reporting;

namespace CacheService.LoadTests.Goals;

/// <summary>The figures of a run, as the goals ask for them.</summary>
internal sealed record RunFigures(LoadTestOptions Options, IReadOnlyList<PartResult> Parts)
{
    private const double EnoughOfRate = 0.9;

    /// <summary>The ratio of two candidates in one scenario.</summary>
    public GoalValue Ratio(string part, string scenario, string candidate, string other) => RatioOf(part, scenario, candidate, other) is { } ratio
        ? new GoalValue(ratio.Median, $"{scenario}; {Figures.Short(ratio.Min)} to {Figures.Short(ratio.Max)}")
        : NotMeasured;

    /// <summary>The ratio of two candidates in the last of several scenarios; the note tells the others.</summary>
    public GoalValue LastRatio(string part, IReadOnlyList<string> scenarios, string candidate, string other)
    {
        if (RatioOf(part, scenarios[^1], candidate, other) is null)
        {
            return NotMeasured;
        }

        var last = Ratio(part, scenarios[^1], candidate, other);
        var others = scenarios.SkipLast(1).Select(scenario => $"{scenario}: {Figures.Short(RatioOf(part, scenario, candidate, other)!.Median)}");
        return last with { Note = string.Join("; ", [last.Note, .. others]) };
    }

    /// <summary>The median of a candidate; the note tells that of another one.</summary>
    public GoalValue Value(string part, string scenario, string candidate, string other) => Find(part, scenario, candidate) is { } mine && Find(part, scenario, other) is { } its
        ? new GoalValue(mine.Spread.Median, $"{other}: {Figures.Short(its.Spread.Median)}")
        : NotMeasured;

    /// <summary>A freshness in milliseconds, over all rounds; not measured where the writers were far slower than the goal means.</summary>
    public GoalValue Freshness(int rate, string candidate)
    {
        if (Find(PartNames.Freshness, FreshnessPart.ScenarioName(rate), candidate) is not { } series)
        {
            return NotMeasured;
        }

        var (value, reached) = (series.Details[FreshnessPart.AllRounds], series.Details[FreshnessPart.Reached]);
        return reached >= rate * EnoughOfRate
            ? new GoalValue(value, $"{Figures.Short(reached)} transactions a second reached")
            : new GoalValue(null, $"{Figures.Short(value)} ms, but only {Figures.Short(reached)} transactions a second were reached");
    }

    /// <summary>The median of one candidate.</summary>
    public GoalValue Median(string part, string scenario, string candidate) => Find(part, scenario, candidate) is { Spread: var spread }
        ? new GoalValue(spread.Median, $"{Figures.Short(spread.Min)} to {Figures.Short(spread.Max)}")
        : NotMeasured;

    /// <summary>The median of one candidate at the size that the goal means; where that was not run the note tells the largest that was.</summary>
    public GoalValue AtSize(string part, int size, Func<int, string> scenario, string candidate, string unit)
    {
        if (Find(part, scenario(size), candidate) is { } series)
        {
            return new GoalValue(series.Spread.Median, scenario(size));
        }

        return Options.LoadSizes.Order().LastOrDefault(each => Find(part, scenario(each), candidate) is not null) is var largest and > 0
            ? new GoalValue(null, $"{scenario(largest)}: {Figures.Short(Find(part, scenario(largest), candidate)!.Spread.Median)} {unit}; --full or --load-sizes {size} measures it")
            : NotMeasured;
    }

    private static GoalValue NotMeasured => new(null, "");

    private Series? Find(string part, string scenario, string candidate) => Parts.FirstOrDefault(each => each.Name == part)?.Find(scenario)?.Find(candidate);

    private Spread? RatioOf(string part, string scenario, string candidate, string other) =>
        Find(part, scenario, candidate) is { } mine && Find(part, scenario, other) is { } its ? mine.RatioTo(its) : null;
}
