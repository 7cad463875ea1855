namespace CacheService.Watching;

/// <summary>Who watches a message, and which of its messages that is.</summary>
internal readonly record struct KeyWatcher(KeySubscription Subscription, int Index);
