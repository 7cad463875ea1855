using System.Text.Json.Serialization;

namespace CacheService.LoadTests.Measuring;

/// <summary>What one candidate did in all rounds of a scenario.</summary>
internal sealed record Series(string Candidate, IReadOnlyList<double> Rounds, IReadOnlyDictionary<string, double> Details)
{
    [JsonPropertyOrder(1)]
    public Spread Spread => Spread.Of(Rounds);

    public static Series Of(string candidate, IReadOnlyList<RoundResult> rounds) => new(
        candidate,
        [.. rounds.Select(round => round.Value)],
        rounds.SelectMany(round => round.Details)
            .GroupBy(detail => detail.Key)
            .ToDictionary(detail => detail.Key, detail => Percentile.Of(detail.Select(each => each.Value), 0.5)));

    /// <summary>How many times as much as the other, round by round: what disturbs a machine for long disturbs both.</summary>
    public Spread RatioTo(Series other) => Spread.Of([.. Rounds.Zip(other.Rounds, (mine, its) => mine / its)]);
}
