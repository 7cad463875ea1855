using CacheService.Counts;

namespace CacheService.Watching;

/// <summary>What changed between two revisions, found once for all subscriptions of everything that ask for the same two. Thread-safe.</summary>
internal sealed class SharedDelta(CountsStore store, ChangeHistory history)
{
    private readonly Lock _gate = new();
    private Delta? _latest;

    /// <summary>What changed after a revision, up to the published version.</summary>
    /// <returns>Null: the history does not go back so far.</returns>
    public Delta? Find(ulong after, CountsVersion published)
    {
        // Under the lock, so that those who wake up together wait for one of them to find it.
        lock (_gate)
        {
            if (_latest is { } latest && latest.After == after && latest.UpTo == published.Revision)
            {
                return latest;
            }

            return _latest = Build(after, published.Revision);
        }
    }

    private Delta? Build(ulong after, ulong upTo)
    {
        if (history.FindChanges(after, upTo, out var total) is not { } changes)
        {
            return null;
        }

        long[] messageIds = [.. changes];
        var counts = new MessageCounts?[messageIds.Length];
        store.ReadMany(messageIds, counts);
        var (changed, removed) = (new List<CountedMessage>(messageIds.Length), new List<long>());
        for (var i = 0; i < messageIds.Length; i++)
        {
            if (counts[i] is { } current)
            {
                changed.Add(new CountedMessage(messageIds[i], current));
            }
            else
            {
                removed.Add(messageIds[i]);
            }
        }

        return new Delta(after, upTo, changed, removed, total - messageIds.Length);
    }

    /// <summary>What changed, and how many changes were passed over.</summary>
    internal sealed record Delta(ulong After, ulong UpTo, IReadOnlyList<CountedMessage> Changed, IReadOnlyList<long> Removed, long Coalesced);
}
