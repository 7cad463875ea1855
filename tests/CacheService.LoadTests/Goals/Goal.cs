namespace CacheService.LoadTests.Goals;

/// <summary>What the product wants to reach.</summary>
/// <param name="Name">What is measured.</param>
/// <param name="IsLeast">Whether the limit is the least; else it is the most.</param>
/// <param name="Limit">In the unit.</param>
/// <param name="Unit">Of the limit; empty for a ratio.</param>
/// <param name="Read">Finds the value in a run.</param>
internal sealed record Goal(string Name, bool IsLeast, double Limit, string Unit, Func<RunFigures, GoalValue> Read)
{
    public GoalResult Evaluate(RunFigures figures)
    {
        var (value, note) = Read(figures);
        var outcome = value is null ? GoalOutcome.NotMeasured
            : IsLeast ? Outcome(value >= Limit)
            : Outcome(value <= Limit);
        return new GoalResult(Name, FormattableString.Invariant($"{(IsLeast ? "≥" : "≤")} {Limit}{(Unit.Length > 0 ? $" {Unit}" : "")}"), value, Unit, outcome, note);
    }

    private static GoalOutcome Outcome(bool isMet) => isMet ? GoalOutcome.Met : GoalOutcome.Missed;
}
