namespace CacheService.Counts;

/// <summary>
/// New counts of many messages, laid over a table that does not have them yet: whoever reads finds these first. So all of them show at once, and the table takes them
/// in while readers go on, however long that lasts. Nothing of it changes once it lies there.
/// </summary>
/// <param name="capacity">How many messages at most.</param>
internal sealed class CountsOverlay(int capacity)
{
    // By segment, and within it by id. The counts of a message that goes are those of a free slot.
    private readonly CountsEntry[] _entries = new CountsEntry[capacity];
    private readonly int[] _starts = new int[CountsTable.SegmentCount];
    private readonly int[] _lengths = new int[CountsTable.SegmentCount];
    private int _count;

    /// <summary>Changes in the order in which they can be added: neighbours in the table are neighbours here, so that each segment comes to the processor once.</summary>
    public static CountChange[] Arrange(IReadOnlyList<CountChange> changes)
    {
        var next = new int[CountsTable.SegmentCount + 1];
        for (var i = 0; i < changes.Count; i++)
        {
            next[CountsTable.SegmentOf(changes[i].MessageId) + 1]++;
        }

        for (var segment = 0; segment < CountsTable.SegmentCount; segment++)
        {
            next[segment + 1] += next[segment];
        }

        var arranged = new CountChange[changes.Count];
        for (var i = 0; i < changes.Count; i++)
        {
            arranged[next[CountsTable.SegmentOf(changes[i].MessageId)]++] = changes[i];
        }

        var start = 0;
        for (var segment = 0; segment < CountsTable.SegmentCount; segment++)
        {
            arranged.AsSpan(start..next[segment]).Sort(static (one, other) => one.MessageId.CompareTo(other.MessageId));
            start = next[segment];
        }

        return arranged;
    }

    /// <summary>Adds a message, in the order of <see cref="Arrange"/>.</summary>
    /// <param name="messageId">The message.</param>
    /// <param name="counts">Its counts; of revision 0 if it goes.</param>
    public void Add(long messageId, MessageCounts counts)
    {
        var segment = CountsTable.SegmentOf(messageId);
        if (_lengths[segment]++ == 0)
        {
            _starts[segment] = _count;
        }

        _entries[_count++] = new CountsEntry { MessageId = messageId, Counts = counts };
    }

    /// <summary>What it has of a segment.</summary>
    public ReadOnlySpan<CountsEntry> Of(int segment) => _entries.AsSpan(_starts[segment], _lengths[segment]);

    /// <summary>Whether it has a message.</summary>
    /// <param name="segment">The message's segment.</param>
    /// <param name="messageId">The message.</param>
    /// <param name="counts">Its counts; of revision 0 if it goes.</param>
    public bool TryFind(int segment, long messageId, out MessageCounts counts)
    {
        var entries = Of(segment);
        var (first, end) = (0, entries.Length);
        while (first < end)
        {
            var middle = (first + end) >>> 1;
            (first, end) = entries[middle].MessageId < messageId ? (middle + 1, end) : (first, middle);
        }

        var isFound = first < entries.Length && entries[first].MessageId == messageId;
        counts = isFound ? entries[first].Counts : default;
        return isFound;
    }

    /// <summary>A segment's slots with what lies over them.</summary>
    public ReadOnlySpan<CountsEntry> Over(int segment, CountsEntry[] slots)
    {
        var entries = Of(segment);
        if (entries.IsEmpty)
        {
            return slots;
        }

        var (all, count) = (new CountsEntry[slots.Length + entries.Length], 0);
        foreach (ref readonly var entry in slots.AsSpan())
        {
            if (!entry.IsFree && !TryFind(segment, entry.MessageId, out _))
            {
                all[count++] = entry;
            }
        }

        entries.CopyTo(all.AsSpan(count));
        return all.AsSpan(0, count + entries.Length);
    }
}
