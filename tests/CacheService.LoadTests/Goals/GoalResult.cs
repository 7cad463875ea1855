namespace CacheService.LoadTests.Goals;

/// <summary>A goal, and what a run has reached.</summary>
internal sealed record GoalResult(string Name, string Wanted, double? Value, string Unit, GoalOutcome Outcome, string Note);
