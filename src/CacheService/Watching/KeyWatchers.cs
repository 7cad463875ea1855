namespace CacheService.Watching;

/// <summary>All who watch one message. Immutable: compared by reference, replaced whole.</summary>
internal sealed class KeyWatchers(KeyWatcher[] watchers)
{
    public KeyWatcher[] Watchers { get; } = watchers;

    public KeyWatchers With(KeyWatcher watcher) => new([.. Watchers, watcher]);

    public KeyWatchers Without(KeySubscription subscription) => new([.. Watchers.Where(watcher => watcher.Subscription != subscription)]);
}

/// <summary>Who watches a message, and which of its messages that is.</summary>
internal readonly record struct KeyWatcher(KeySubscription Subscription, int Index);
