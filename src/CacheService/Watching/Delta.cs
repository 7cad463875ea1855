using System.Collections.Frozen;
using CacheService.Counts;

namespace CacheService.Watching;

/// <summary>What changed between two revisions.</summary>
/// <param name="After">The first revision.</param>
/// <param name="UpTo">The last revision: everything is as of this one.</param>
/// <param name="Changed">The messages that changed or came.</param>
/// <param name="Removed">The messages that went.</param>
/// <param name="Coalesced">How many changes were passed over, because a later one replaced them.</param>
internal sealed record Delta(ulong After, ulong UpTo, IReadOnlyList<CountedMessage> Changed, IReadOnlyList<RemovedMessage> Removed, long Coalesced)
{
    private IReadOnlyList<WatchContent>? _contents;

    /// <summary>Which of the changed messages were not there before. Only where there is one revision between the two.</summary>
    public IReadOnlySet<long> Came { get; init; } = FrozenSet<long>.Empty;

    /// <summary>The same, in parts that fit a message each, for all who are told it.</summary>
    public IReadOnlyList<WatchContent> Contents =>
        LazyInitializer.EnsureInitialized(ref _contents, () => WatchContent.Split(Changed, [.. Removed.Select(message => message.MessageId)], isShared: true));

    /// <summary>How many messages there are.</summary>
    public int Count => Changed.Count + Removed.Count;
}
