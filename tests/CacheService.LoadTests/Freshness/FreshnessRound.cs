namespace CacheService.LoadTests.Freshness;

/// <summary>What was seen in one round at one rate.</summary>
/// <param name="Reached">Transactions a second, all together.</param>
/// <param name="Visible">Milliseconds from commit to GetCounts.</param>
/// <param name="Watched">Milliseconds from commit to the watcher.</param>
internal readonly record struct FreshnessRound(double Reached, IReadOnlyList<double> Visible, IReadOnlyList<double> Watched);
