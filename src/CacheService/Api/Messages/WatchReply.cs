using CacheService.Counts;
using CacheService.Watching;
using FeedState = CacheService.Feed.FeedState;

namespace CacheService.Api.Messages;

/// <summary>A message to a watcher.</summary>
/// <param name="Batch">What is new.</param>
/// <param name="Told">The version that it knows by then; null: none yet.</param>
/// <param name="AheadTo">A version that nothing it has been told is ahead of, where something may be ahead of <paramref name="Told"/>; else null.</param>
/// <param name="Age">The age of that version.</param>
/// <param name="State">The feed's state.</param>
internal sealed record WatchReply(WatchBatch Batch, CountsVersion? Told, CountsVersion? AheadTo, TimeSpan Age, FeedState State);
