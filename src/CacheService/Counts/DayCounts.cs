namespace CacheService.Counts;

/// <summary>What happened on one day, or what is added to that: activity by its own time, whatever message it is of.</summary>
/// <param name="Day">The day, in the time zone that the days are counted in.</param>
/// <param name="Retweets">Retweets.</param>
/// <param name="UndoneRetweets">Retweets that were undone.</param>
/// <param name="Likes">Likes.</param>
/// <param name="UndoneLikes">Likes that were undone.</param>
internal readonly record struct DayCounts(DateOnly Day, long Retweets, long UndoneRetweets, long Likes, long UndoneLikes)
{
    /// <summary>Whether nothing happened.</summary>
    public bool IsZero => (Retweets | UndoneRetweets | Likes | UndoneLikes) == 0;

    /// <summary>Whether one of the four is below zero, which no table can say of a day.</summary>
    public bool IsNegative => (Retweets | UndoneRetweets | Likes | UndoneLikes) < 0;

    /// <summary>Adds what is of the same day.</summary>
    /// <exception cref="OverflowException">A sum is more than it can be.</exception>
    public DayCounts Plus(DayCounts change) => checked(new DayCounts(
        Day, Retweets + change.Retweets, UndoneRetweets + change.UndoneRetweets, Likes + change.Likes, UndoneLikes + change.UndoneLikes));

    /// <summary>What is to be added to the other one to get this one.</summary>
    public DayCounts Minus(DayCounts other) => new(
        Day, Retweets - other.Retweets, UndoneRetweets - other.UndoneRetweets, Likes - other.Likes, UndoneLikes - other.UndoneLikes);
}
