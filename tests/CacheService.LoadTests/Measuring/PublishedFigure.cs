namespace CacheService.LoadTests.Measuring;

/// <summary>What others have published of a candidate, on a machine of their own.</summary>
/// <param name="Candidate">Whose it is.</param>
/// <param name="Value">In the scenario's unit.</param>
/// <param name="RatioToBaseline">To the baseline's figure of the same publication; null: it is the baseline's.</param>
/// <param name="Source">Where it is published.</param>
internal sealed record PublishedFigure(string Candidate, double Value, double? RatioToBaseline, string Source);
