namespace CacheService.Client;

/// <summary>A message's counts, as an audit compared them.</summary>
/// <param name="Retweets">Its retweets.</param>
/// <param name="Likes">Its likes.</param>
public readonly record struct AuditedCounts(long Retweets, long Likes);
