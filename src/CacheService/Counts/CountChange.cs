namespace CacheService.Counts;

/// <summary>What happened to one message between two snapshots.</summary>
/// <param name="MessageId">The message.</param>
/// <param name="Retweets">Added to its retweets.</param>
/// <param name="Likes">Added to its likes.</param>
/// <param name="Born">How often it was created less how often it was deleted: 1, 0 or -1.</param>
internal readonly record struct CountChange(long MessageId, long Retweets, long Likes, int Born);

/// <summary>A change that does not fit the counts it is to be applied to: the store no longer is a snapshot of the database.</summary>
internal sealed class InconsistentChangeException : Exception
{
    /// <summary>Creates the exception for one change.</summary>
    public InconsistentChangeException(CountChange change, bool known)
        : base($"message {change.MessageId} is {(known ? "known" : "unknown")}, and changes by {change.Born} messages, {change.Retweets} retweets and {change.Likes} likes")
    {
    }
}
