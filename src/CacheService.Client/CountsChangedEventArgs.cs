namespace CacheService.Client;

/// <summary>What has changed in a mirror.</summary>
/// <param name="counts">See <see cref="Counts"/>.</param>
/// <param name="removedMessageIds">See <see cref="RemovedMessageIds"/>.</param>
public sealed class CountsChangedEventArgs(IReadOnlyList<MessageCounts> counts, IReadOnlyList<long> removedMessageIds) : EventArgs
{
    /// <summary>Counts that are new or have changed.</summary>
    public IReadOnlyList<MessageCounts> Counts { get; } = counts;

    /// <summary>Messages that no longer exist.</summary>
    public IReadOnlyList<long> RemovedMessageIds { get; } = removedMessageIds;
}
