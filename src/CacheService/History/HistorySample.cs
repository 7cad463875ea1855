using CacheService.Feed;

namespace CacheService.History;

/// <summary>A few seconds of the service.</summary>
/// <param name="At">When they ended.</param>
/// <param name="Length">How long they were.</param>
/// <param name="Reads">Reads a second.</param>
/// <param name="Drains">Drains a second.</param>
/// <param name="Changes">Changes a second that drains brought.</param>
/// <param name="Age">The highest age of the counts that was seen; null: nothing was loaded.</param>
/// <param name="Watchers">Subscriptions, at the end.</param>
/// <param name="State">The last state that was not LIVE; LIVE if none was.</param>
internal sealed record HistorySample(DateTimeOffset At, TimeSpan Length, double Reads, double Drains, double Changes, TimeSpan? Age, int Watchers, FeedState State);
