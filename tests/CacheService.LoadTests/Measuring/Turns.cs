using CacheService.LoadTests.Reporting;

namespace CacheService.LoadTests.Measuring;

/// <summary>Lets candidates take turns.</summary>
/// <param name="WarmUp">Of each candidate, before the first round; not measured.</param>
/// <param name="Round">Of each candidate, in each round.</param>
/// <param name="Rounds">How many.</param>
internal sealed record Turns(TimeSpan WarmUp, TimeSpan Round, int Rounds)
{
    public async Task<Scenario> RunAsync(
        string name, string unit, string? baseline, IReadOnlyList<Candidate> candidates, ProgressLine progress, CancellationToken cancellationToken)
    {
        if (WarmUp > TimeSpan.Zero)
        {
            foreach (var candidate in candidates)
            {
                progress.Show($"{name}: warm-up: {candidate.Name}");
                await candidate.Measure(WarmUp, cancellationToken);
            }
        }

        var results = candidates.ToDictionary(candidate => candidate, _ => new List<RoundResult>());
        for (var round = 0; round < Rounds; round++)
        {
            // In an order of its own, so that nobody is always measured after the same neighbour has left its traces.
            foreach (var candidate in candidates.Shuffle())
            {
                progress.Show($"{name}: round {round + 1} of {Rounds}: {candidate.Name}");
                results[candidate].Add(await candidate.Measure(Round, cancellationToken));
            }
        }

        return new Scenario(name, unit, baseline, [.. candidates.Select(candidate => Series.Of(candidate.Name, results[candidate]))]);
    }
}
