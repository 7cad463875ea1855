using CacheService.Counts;

namespace CacheService.Reading;

/// <summary>One message's counts, and the version they are of.</summary>
internal readonly record struct CountsReading(long MessageId, MessageCounts Counts, CountsVersion Version);
