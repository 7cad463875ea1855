namespace CacheService.LoadTests.Measuring;

/// <summary>Candidates that did the same under the same circumstances, in turns.</summary>
/// <param name="Name">The circumstances.</param>
/// <param name="Unit">Of the values.</param>
/// <param name="Baseline">The candidate to which the others are compared; null: they are not.</param>
/// <param name="Series">One for each candidate.</param>
internal sealed record Scenario(string Name, string Unit, string? Baseline, IReadOnlyList<Series> Series)
{
    /// <summary>What others have published of the same.</summary>
    public IReadOnlyList<PublishedFigure> Published { get; init; } = [];

    /// <summary>Of the candidates to the baseline.</summary>
    public IReadOnlyDictionary<string, Spread> Ratios =>
        Series.Where(series => RatioToBaseline(series) is not null).ToDictionary(series => series.Candidate, series => RatioToBaseline(series)!);

    public Series? Find(string candidate) => Series.FirstOrDefault(series => series.Candidate == candidate);

    /// <summary>Null for the baseline itself, and where it is missing.</summary>
    public Spread? RatioToBaseline(Series series) =>
        Baseline is not null && Baseline != series.Candidate && Find(Baseline) is { } baseline ? series.RatioTo(baseline) : null;
}
