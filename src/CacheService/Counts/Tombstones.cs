using System.Collections.Concurrent;

namespace CacheService.Counts;

/// <summary>
/// Messages that went, and the revisions with which they did; as many as there is room for, the latest. One writer, which adds a message before it takes away
/// its counts: whoever finds no counts, finds the tombstone. Thread-safe for readers.
/// </summary>
internal sealed class Tombstones(int capacity)
{
    private readonly ConcurrentDictionary<long, ulong> _latest = new();
    private readonly ConcurrentQueue<RemovedMessage> _byAge = new();
    private ulong _forgottenTo;

    /// <summary>Of messages that went with this revision or an earlier one, some may be forgotten.</summary>
    public ulong ForgottenTo => Volatile.Read(ref _forgottenTo);

    /// <summary>Whether a message went after a revision, as far as is remembered: ask <see cref="ForgottenTo"/> afterwards.</summary>
    public bool HasSince(long messageId, ulong revision) => _latest.TryGetValue(messageId, out var went) && went > revision;

    /// <summary>
    /// What went after a revision, in this order: a message that came again and went again is there for each time that it went. Null: some may be forgotten.
    /// </summary>
    public IReadOnlyList<RemovedMessage>? FindSince(ulong revision)
    {
        var removed = _byAge.Where(tombstone => tombstone.Revision > revision).ToList();
        return ForgottenTo > revision ? null : removed;
    }

    /// <summary>All that are remembered, in the order in which they went. Ask <see cref="ForgottenTo"/> afterwards.</summary>
    public IReadOnlyList<RemovedMessage> All() => [.. _byAge];

    /// <summary>Of those that went with this revision or an earlier one, some are not known. Before any is added.</summary>
    internal void Forget(ulong upTo) => Volatile.Write(ref _forgottenTo, upTo);

    internal void Add(long messageId, ulong revision)
    {
        _latest[messageId] = revision;
        _byAge.Enqueue(new RemovedMessage(messageId, revision));
        while (_byAge.Count > capacity && _byAge.TryPeek(out var oldest))
        {
            // Said before it is done, so that a reader who misses a tombstone learns why. A message that went again since keeps its later one.
            Volatile.Write(ref _forgottenTo, oldest.Revision);
            _byAge.TryDequeue(out _);
            _latest.TryRemove(KeyValuePair.Create(oldest.MessageId, oldest.Revision));
        }
    }
}

/// <summary>A message that went, and the revision with which it did.</summary>
internal readonly record struct RemovedMessage(long MessageId, ulong Revision);
