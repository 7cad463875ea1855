namespace CacheService.Feed;

/// <summary>The feed's state, and in words why it is not LIVE; empty when it is.</summary>
/// <param name="State">The state.</param>
/// <param name="Detail">Why it is not LIVE.</param>
/// <param name="IsForEverybody">Whether the words name nothing but tables, triggers and roles, so that they may be told to whoever asks.</param>
internal sealed record FeedCondition(FeedState State, string Detail, bool IsForEverybody = false);
