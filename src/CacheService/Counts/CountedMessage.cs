namespace CacheService.Counts;

/// <summary>A message with its counts.</summary>
public readonly record struct CountedMessage(long MessageId, MessageCounts Counts);
