using CacheService.Counts;

namespace CacheService.Reading;

/// <summary>A message with its counts, and the version they are of.</summary>
internal sealed record MessageReading(long MessageId, MessageText Text, MessageCounts Counts, CountsVersion Version);
