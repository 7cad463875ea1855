namespace CacheService.Feed;

/// <summary>The feed's state, and in words why it is not LIVE; empty when it is.</summary>
internal sealed record FeedCondition(FeedState State, string Detail);
