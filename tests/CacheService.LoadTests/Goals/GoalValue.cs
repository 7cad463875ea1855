namespace CacheService.LoadTests.Goals;

/// <summary>What a run says about a goal.</summary>
/// <param name="Value">Null: not measured, at least not as the goal is meant.</param>
/// <param name="Note">Where it comes from, and what it was elsewhere.</param>
internal sealed record GoalValue(double? Value, string Note);
