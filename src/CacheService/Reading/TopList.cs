using CacheService.Counts;

namespace CacheService.Reading;

/// <summary>The messages with the highest counts, highest first, and the version they are of.</summary>
internal sealed record TopList(CountsVersion Version, IReadOnlyList<CountedMessage> Messages);
