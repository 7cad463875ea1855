namespace CacheService.Counts;

/// <summary>A message with its counts.</summary>
internal readonly record struct CountedMessage(long MessageId, MessageCounts Counts);
