using System.Collections.Concurrent;

namespace CacheService.Counts;

/// <summary>
/// All counts, at one snapshot of the database. One writer loads and applies; any number of readers read, without a lock:
/// the writer makes a sequence number odd while it changes counts, and a reader that finds it odd, or finds it moved when it is done, reads again
/// (a seqlock, as in the Linux kernel). So a reader sees all of a drain or nothing of it.
/// </summary>
internal sealed class CountsStore(int maxTombstones)
{
    /// <summary>A reader that was overtaken this often takes the writer's lock, so that it ends.</summary>
    private const int OptimisticReads = 16;

    private readonly Lock _writing = new();
    private ConcurrentDictionary<long, MessageCounts> _counts = [];
    private CountsVersion? _version;
    private long _sequence;

    /// <summary>
    /// Raised by the writer after each load and each drain, with the version that the store holds now and the messages whose counts changed, came or
    /// went; none for a drain that found nothing. Handlers run on the writer: they must be short.
    /// </summary>
    public event Action<CountsVersion, IReadOnlyList<long>>? Changed;

    /// <summary>What the store holds; null before the first load. Thread-safe.</summary>
    public CountsVersion? Version => Volatile.Read(ref _version);

    /// <summary>The messages that went.</summary>
    public Tombstones Tombstones { get; } = new(maxTombstones);

    /// <summary>Replaces everything by a load, under a new epoch. What it did not change keeps its revision. Only for the writer.</summary>
    /// <param name="messages">Every message; its revision is set here.</param>
    /// <param name="snapshot">What they were read at.</param>
    /// <param name="takenAt">See <see cref="CountsVersion.TakenAt"/>.</param>
    public void Load(IEnumerable<CountedMessage> messages, PgSnapshot snapshot, long takenAt)
    {
        var revision = (_version?.Revision ?? 0) + 1;
        var old = _counts;
        var counts = new ConcurrentDictionary<long, MessageCounts>(
            messages.Select(message => KeyValuePair.Create(message.MessageId, WithRevision(message, old, revision))));
        var gone = old.Keys.Where(messageId => !counts.ContainsKey(messageId)).ToList();
        var changed = counts.Where(entry => entry.Value.Revision == revision).Select(entry => entry.Key).Concat(gone).ToList();
        gone.ForEach(messageId => Tombstones.Add(messageId, revision));
        var version = new CountsVersion(Guid.NewGuid().ToString("N"), revision, counts.Count, snapshot, takenAt);
        lock (_writing)
        {
            BeginWrite();
            Volatile.Write(ref _counts, counts);
            Volatile.Write(ref _version, version);
            EndWrite();
        }

        Changed?.Invoke(version, changed);
    }

    /// <summary>Moves the store to a later snapshot. Only for the writer.</summary>
    /// <param name="changes">What is visible in <paramref name="snapshot"/> and was not in the store's, each message once.</param>
    /// <param name="snapshot">The later snapshot.</param>
    /// <param name="takenAt">See <see cref="CountsVersion.TakenAt"/>.</param>
    /// <exception cref="InconsistentChangeException">A change does not fit; nothing was applied.</exception>
    public void Apply(IReadOnlyList<CountChange> changes, PgSnapshot snapshot, long takenAt)
    {
        var version = _version ?? throw new InvalidOperationException("Nothing is loaded yet.");
        foreach (var change in changes)
        {
            var known = _counts.ContainsKey(change.MessageId);
            if ((known ? 1 : 0) + change.Born is not (0 or 1) || (!known && change.Born == 0 && (change.Retweets | change.Likes) != 0))
            {
                throw new InconsistentChangeException(change, known);
            }
        }

        var next = version with
        {
            Revision = changes.Count == 0 ? version.Revision : version.Revision + 1,
            Messages = version.Messages + changes.Sum(change => change.Born),
            Snapshot = snapshot,
            TakenAt = takenAt,
        };
        lock (_writing)
        {
            BeginWrite();
            foreach (var change in changes)
            {
                ApplyOne(change, next.Revision);
            }

            Volatile.Write(ref _version, next);
            EndWrite();
        }

        Changed?.Invoke(next, changes.Count == 0 ? [] : [.. changes.Select(change => change.MessageId)]);
    }

    /// <summary>One message's counts, and the version they are of. Thread-safe.</summary>
    /// <param name="messageId">The message.</param>
    /// <param name="counts">Its counts; null if there is no such message.</param>
    /// <returns>The version; null before the first load.</returns>
    public CountsVersion? Read(long messageId, out MessageCounts? counts)
    {
        counts = null;
        return ReadMany([messageId], new Span<MessageCounts?>(ref counts));
    }

    /// <summary>Many messages' counts, all of one version. Thread-safe.</summary>
    /// <param name="messageIds">The messages.</param>
    /// <param name="counts">Receives their counts, in order; null where there is no such message. At least as long as <paramref name="messageIds"/>.</param>
    /// <returns>The version; null before the first load.</returns>
    public CountsVersion? ReadMany(ReadOnlySpan<long> messageIds, Span<MessageCounts?> counts)
    {
        var spin = new SpinWait();
        for (var attempt = 0; attempt < OptimisticReads; attempt++)
        {
            var sequence = Volatile.Read(ref _sequence);
            if ((sequence & 1) == 0)
            {
                var version = _version;
                Copy(messageIds, counts);
                Volatile.ReadBarrier();
                if (Volatile.Read(ref _sequence) == sequence)
                {
                    return version;
                }
            }

            spin.SpinOnce();
        }

        lock (_writing)
        {
            Copy(messageIds, counts);
            return _version;
        }
    }

    /// <summary>
    /// The messages whose counts changed after a revision. Thread-safe, and holds up nobody: each message's counts are true at some moment of the
    /// enumeration, and of no earlier version than the one before it began.
    /// </summary>
    public IEnumerable<CountedMessage> ReadChangedAfter(ulong revision) =>
        Volatile.Read(ref _counts).Where(entry => entry.Value.Revision > revision).Select(entry => new CountedMessage(entry.Key, entry.Value));

    /// <summary>The messages with the highest counts, highest first, equal ones by ascending id. Thread-safe; holds up the writer while it scans.</summary>
    /// <param name="order">What they are ranked by.</param>
    /// <param name="limit">How many at most, above zero.</param>
    /// <param name="top">The messages.</param>
    /// <returns>The version; null before the first load.</returns>
    public CountsVersion? ReadTop(TopOrder order, int limit, out IReadOnlyList<CountedMessage> top)
    {
        lock (_writing)
        {
            top = TopMessages.Select(_counts, order, limit);
            return _version;
        }
    }

    private static MessageCounts WithRevision(CountedMessage message, ConcurrentDictionary<long, MessageCounts> old, ulong revision)
    {
        var counts = message.Counts with { Revision = revision };
        return old.TryGetValue(message.MessageId, out var before) && counts with { Revision = before.Revision } == before ? before : counts;
    }

    private void Copy(ReadOnlySpan<long> messageIds, Span<MessageCounts?> counts)
    {
        var all = _counts;
        for (var i = 0; i < messageIds.Length; i++)
        {
            counts[i] = all.TryGetValue(messageIds[i], out var entry) ? entry : null;
        }
    }

    private void ApplyOne(CountChange change, ulong revision)
    {
        var known = _counts.TryGetValue(change.MessageId, out var counts);
        if (change.Born < 0)
        {
            Tombstones.Add(change.MessageId, revision);
            _counts.TryRemove(change.MessageId, out _);
        }
        else if (known || change.Born > 0)
        {
            _counts[change.MessageId] = new MessageCounts(counts.Retweets + change.Retweets, counts.Likes + change.Likes, revision);
        }
    }

    // Interlocked: a full barrier, so that no change is seen under an even number.
    private void BeginWrite() => Interlocked.Increment(ref _sequence);

    private void EndWrite() => Interlocked.Increment(ref _sequence);
}
