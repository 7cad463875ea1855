namespace CacheService.LoadTests.Goals;

internal enum GoalOutcome
{
    NotMeasured,
    Missed,
    Met,
}
