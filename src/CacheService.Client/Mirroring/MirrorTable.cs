using System.Collections.Concurrent;

namespace CacheService.Client.Mirroring;

/// <summary>A dictionary with one writer and many readers, none of which takes a lock.</summary>
internal sealed class MirrorTable
{
    private readonly ConcurrentDictionary<long, MessageCounts> _counts = new(concurrencyLevel: 1, capacity: 31);

    // ConcurrentDictionary.Count takes its locks.
    private volatile int _count;

    public int Count => _count;

    public bool TryGet(long messageId, out MessageCounts counts) => _counts.TryGetValue(messageId, out counts);

    /// <summary>Does not stop the writer: a change while it runs may or may not be seen.</summary>
    public IEnumerable<MessageCounts> Enumerate() => _counts.Select(entry => entry.Value);

    public void Apply(WatchUpdate.Changes changes)
    {
        foreach (var counts in changes.Counts)
        {
            if (_counts.TryAdd(counts.MessageId, counts))
            {
                _count++;
            }
            else
            {
                _counts[counts.MessageId] = counts;
            }
        }

        foreach (var messageId in changes.RemovedMessageIds)
        {
            if (_counts.TryRemove(messageId, out _))
            {
                _count--;
            }
        }
    }

    /// <summary>What has to be said to make this of an earlier table. Revisions are not compared: they may be of another epoch.</summary>
    public CountsChangedEventArgs ChangesSince(MirrorTable earlier)
    {
        var changed = Enumerate()
            .Where(now => !earlier.TryGet(now.MessageId, out var then) || (then.Retweets, then.Likes) != (now.Retweets, now.Likes))
            .ToArray();
        var removed = earlier.Enumerate().Select(then => then.MessageId).Where(messageId => !_counts.ContainsKey(messageId)).ToArray();
        return new CountsChangedEventArgs(changed, removed);
    }
}
