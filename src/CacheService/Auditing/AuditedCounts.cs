namespace CacheService.Auditing;

/// <summary>A message's counts, as an audit compares them.</summary>
internal readonly record struct AuditedCounts(long Retweets, long Likes)
{
    /// <summary>Retweets and likes, with a slash between.</summary>
    public override string ToString() => $"{Retweets}/{Likes}";
}
