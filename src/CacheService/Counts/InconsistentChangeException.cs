namespace CacheService.Counts;

/// <summary>A change that does not fit the counts it is to be applied to: the store no longer is a snapshot of the database.</summary>
internal sealed class InconsistentChangeException : Exception
{
    /// <summary>Creates the exception for one change.</summary>
    public InconsistentChangeException(CountChange change, bool known)
        : base($"message {change.MessageId} is {(known ? "known" : "unknown")}, and changes by {change.Born} messages, {change.Retweets} retweets and {change.Likes} likes")
    {
    }
}
