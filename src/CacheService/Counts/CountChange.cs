namespace CacheService.Counts;

/// <summary>What happened to one message between two snapshots.</summary>
/// <param name="MessageId">The message.</param>
/// <param name="Retweets">Added to its retweets.</param>
/// <param name="Likes">Added to its likes.</param>
/// <param name="Born">How often it was created less how often it was deleted: 1, 0 or -1.</param>
internal readonly record struct CountChange(long MessageId, long Retweets, long Likes, int Born)
{
    /// <summary>Whether nothing came of it: what was done was undone, or has moved to another day.</summary>
    public bool IsZero => (Retweets | Likes) == 0 && Born == 0;

    /// <summary>Adds what happened to the same message.</summary>
    /// <exception cref="OverflowException">A sum is more than it can be.</exception>
    public CountChange Plus(CountChange change) => checked(new CountChange(MessageId, Retweets + change.Retweets, Likes + change.Likes, Born + change.Born));
}

/// <summary>A change that does not fit the counts it is to be applied to: the store no longer is a snapshot of the database.</summary>
internal sealed class InconsistentChangeException : Exception
{
    /// <summary>Creates the exception for one change.</summary>
    public InconsistentChangeException(CountChange change, bool known)
        : base($"message {change.MessageId} is {(known ? "known" : "unknown")}, and changes by {change.Born} messages, {change.Retweets} retweets and {change.Likes} likes")
    {
    }

    /// <summary>Creates the exception for one change of a day.</summary>
    public InconsistentChangeException(DayCounts before, DayCounts change)
        : base($"day {before.Day:O} has {Show(before)} retweets, undone ones, likes, undone ones, and changes by {Show(change)}")
    {
    }

    private static string Show(DayCounts counts) => FormattableString.Invariant($"{counts.Retweets}/{counts.UndoneRetweets}/{counts.Likes}/{counts.UndoneLikes}");
}
