namespace CacheService.Client;

/// <summary>What a watch is about: <see cref="All"/> messages, or those with the ids given to <see cref="Of(IEnumerable{long})"/>.</summary>
public sealed record WatchOptions
{
    private WatchOptions(IReadOnlyList<long>? messageIds) => MessageIds = messageIds;

    /// <summary>Every message, also those to come.</summary>
    public static WatchOptions All { get; } = new((IReadOnlyList<long>?)null);

    /// <summary>The watched messages; null for all.</summary>
    public IReadOnlyList<long>? MessageIds { get; }

    /// <summary>The least time between two batches of changes: the server leaves out what changed again meanwhile. Null: as they come.</summary>
    public TimeSpan? MinInterval { get; init; }

    /// <summary>Instead of <see cref="TweetCountsClientOptions.WatchHeartbeat"/>, for this watch.</summary>
    public TimeSpan? Heartbeat { get; init; }

    /// <summary>Messages by their ids, 1 and up. Ids that no message has yet are watched too.</summary>
    /// <exception cref="ArgumentException">There is no id.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An id is below 1.</exception>
    public static WatchOptions Of(params IEnumerable<long> messageIds)
    {
        ArgumentNullException.ThrowIfNull(messageIds);
        long[] ids = [.. messageIds.Distinct()];
        if (ids.Length == 0)
        {
            throw new ArgumentException("Name at least one message, or watch all.", nameof(messageIds));
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(ids.Min(), 1, nameof(messageIds));
        return new WatchOptions(ids);
    }
}
