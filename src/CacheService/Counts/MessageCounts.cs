namespace CacheService.Counts;

/// <summary>A message's counts, and the revision of their last change. Counts can be negative where the database says so.</summary>
internal readonly record struct MessageCounts(long Retweets, long Likes, ulong Revision);

/// <summary>A message with its counts.</summary>
internal readonly record struct CountedMessage(long MessageId, MessageCounts Counts);
