using System.Collections.Concurrent;

namespace CacheService.Counts;

/// <summary>
/// Messages that went, and the revision with which they did; as many as there is room for, the latest. One writer, which adds a message before it takes away
/// its counts: whoever finds no counts, finds the tombstone. Thread-safe for readers.
/// </summary>
internal sealed class Tombstones(int capacity)
{
    private readonly ConcurrentDictionary<long, ulong> _revisions = new();
    private readonly Queue<(long MessageId, ulong Revision)> _byAge = new();
    private ulong _forgottenTo;

    /// <summary>Of messages that went with this revision or an earlier one, some may be forgotten.</summary>
    public ulong ForgottenTo => Volatile.Read(ref _forgottenTo);

    /// <summary>Whether a message went after a revision, as far as is remembered: ask <see cref="ForgottenTo"/> afterwards.</summary>
    public bool HasSince(long messageId, ulong revision) => _revisions.TryGetValue(messageId, out var went) && went > revision;

    /// <summary>The messages that went after a revision; some may have come again. Null: some may be forgotten.</summary>
    public IReadOnlyList<long>? FindSince(ulong revision) => FindRemovedSince(revision)?.Select(removed => removed.MessageId).ToList();

    /// <summary>As <see cref="FindSince"/>, each with the revision with which it went last.</summary>
    public IReadOnlyList<RemovedMessage>? FindRemovedSince(ulong revision)
    {
        var removed = _revisions.Where(tombstone => tombstone.Value > revision).Select(tombstone => new RemovedMessage(tombstone.Key, tombstone.Value)).ToList();
        return ForgottenTo > revision ? null : removed;
    }

    internal void Add(long messageId, ulong revision)
    {
        _revisions[messageId] = revision;
        _byAge.Enqueue((messageId, revision));
        while (_byAge.Count > capacity)
        {
            var oldest = _byAge.Dequeue();

            // Said before it is done, so that a reader who misses a tombstone learns why. A message that went again since keeps its later one.
            Volatile.Write(ref _forgottenTo, oldest.Revision);
            _revisions.TryRemove(KeyValuePair.Create(oldest.MessageId, oldest.Revision));
        }
    }
}
