using System.Security.Cryptography;

namespace CacheService.Counts;

/// <summary>
/// A hash table of counts that holds nothing but the entries, some 85 % full at every size. It is split into segments, arrays with linear probing, each of which
/// grows on its own in small steps: no pause while everything is copied, and no second copy of everything. One writer. Readers may read while it writes; what
/// they find then is not to be used (see <see cref="CountsStore"/>), but they find their end: they hold on to one array, and probe each slot once at most.
/// </summary>
internal sealed class CountsTable
{
    /// <summary>So many that a segment of 10 million messages still is small: some 1,200 entries, 46 kB.</summary>
    private const int SegmentBits = 13;

    /// <summary>So few that a segment, some dozens of neighbourhoods, is much like the next in size.</summary>
    private const int NeighbourBits = 5;

    // Of all tables of the process, so that two of them compare segment by segment; and random, so that nobody can choose ids that collide.
    private static readonly ulong Seed = RandomSeed();
    private static readonly ulong Factor = RandomSeed() | 1;

    private readonly CountsEntry[][] _segments = new CountsEntry[1 << SegmentBits][];
    private readonly int[] _counts = new int[1 << SegmentBits];
    private long _count;
    private bool _isFilling = true;

    /// <summary>What it has still to take in; null: nothing.</summary>
    private CountsOverlay? _overlay;

    public CountsTable() => Array.Fill(_segments, []);

    /// <summary>How many messages there are.</summary>
    public long Count => Volatile.Read(ref _count);

    /// <summary>How many segments there are, ever.</summary>
    public static int SegmentCount => 1 << SegmentBits;

    /// <summary>The segment of a message, in every table. Neighbours share one: a load, which brings them together, works in the same memory for a while.</summary>
    public static int SegmentOf(long messageId) => (int)(Hash(messageId >> NeighbourBits) >> (64 - SegmentBits));

    /// <summary>A segment's slots, free ones among them.</summary>
    public ReadOnlySpan<CountsEntry> Segment(int segment)
    {
        // In this order: where nothing lies over the slots any more, they have it all.
        var overlay = Volatile.Read(ref _overlay);
        var slots = Volatile.Read(ref _segments[segment]);
        return overlay is null ? slots : overlay.Over(segment, slots);
    }

    /// <summary>Finds a message's counts.</summary>
    public bool TryGet(long messageId, out MessageCounts counts)
    {
        var segment = SegmentOf(messageId);
        if (Volatile.Read(ref _overlay) is { } overlay && overlay.TryFind(segment, messageId, out counts))
        {
            return counts.Revision != 0;
        }

        var hash = Hash(messageId);
        var slots = Volatile.Read(ref _segments[segment]);
        var slot = Find(slots, hash, messageId);
        counts = slot < 0 ? default : slots[slot].Counts;
        return slot >= 0 && counts.Revision != 0;
    }

    /// <summary>
    /// Reads from the memory where a message is to be found, or near it. Of use before many are looked up: memory serves many such reads at once, because none
    /// of them waits for another.
    /// </summary>
    public void Touch(long messageId)
    {
        var hash = Hash(messageId);
        var slots = Volatile.Read(ref _segments[SegmentOf(messageId)]);
        if (slots.Length > 0)
        {
            Volatile.Read(ref slots[Home(hash, slots.Length)].MessageId);
        }
    }

    /// <summary>Sets a message's counts, whether it was there or not. Only for the writer.</summary>
    /// <param name="messageId">The message.</param>
    /// <param name="counts">Its counts, with a revision above 0.</param>
    /// <returns>Whether the message is new.</returns>
    public bool Set(long messageId, MessageCounts counts)
    {
        var hash = Hash(messageId);
        var segment = SegmentOf(messageId);
        var slots = _segments[segment];
        var slot = Find(slots, hash, messageId);
        if (slot >= 0 && !slots[slot].IsFree)
        {
            slots[slot].Counts = counts;
            return false;
        }

        if (IsFull(_counts[segment], slots.Length))
        {
            slots = Resize(segment, LargerThan(slots.Length));
            slot = Find(slots, hash, messageId);
        }

        slots[slot] = new CountsEntry { MessageId = messageId, Counts = counts };
        _counts[segment]++;
        Volatile.Write(ref _count, _count + 1);
        return true;
    }

    /// <summary>Takes a message out, if it is there. Only for the writer.</summary>
    public void Remove(long messageId)
    {
        var hash = Hash(messageId);
        var segment = SegmentOf(messageId);
        var slots = _segments[segment];
        var slot = Find(slots, hash, messageId);
        if (slot < 0 || slots[slot].IsFree)
        {
            return;
        }

        CloseGap(slots, slot);
        _counts[segment]--;
        Volatile.Write(ref _count, _count - 1);
        TrimBelow(segment, 0.5);
    }

    /// <summary>The messages that this table or another one has, and the other one has not, or with other counts.</summary>
    public List<long> FindDifferences(CountsTable other)
    {
        var different = new List<long>();
        for (var segment = 0; segment < SegmentCount; segment++)
        {
            foreach (ref readonly var entry in Segment(segment))
            {
                if (!entry.IsFree && !(other.TryGet(entry.MessageId, out var counts) && counts == entry.Counts))
                {
                    different.Add(entry.MessageId);
                }
            }

            foreach (ref readonly var entry in other.Segment(segment))
            {
                if (!entry.IsFree && !TryGet(entry.MessageId, out _))
                {
                    different.Add(entry.MessageId);
                }
            }
        }

        return different;
    }

    /// <summary>Lays new counts over the table, so that they all show at once. Only for the writer, which takes them in before it changes anything else.</summary>
    public void Cover(CountsOverlay overlay) => Volatile.Write(ref _overlay, overlay);

    /// <summary>
    /// Takes in what lies over the table, if anything does. Only for the writer. Readers go on meanwhile: what is changed in its place, they find in the overlay, and what would
    /// move other messages about is done to a copy.
    /// </summary>
    public void TakeIn()
    {
        if (_overlay is not { } overlay)
        {
            return;
        }

        for (var segment = 0; segment < _segments.Length; segment++)
        {
            TakeIn(overlay, segment);
        }

        Volatile.Write(ref _overlay, null);
    }

    /// <summary>Until now the segments grew in large steps, because much came at once; takes from them the room that they do not need. Only for the writer.</summary>
    public void EndFilling()
    {
        _isFilling = false;
        for (var segment = 0; segment < _segments.Length; segment++)
        {
            TrimBelow(segment, 0.8);
        }
    }

    // The slot of a message, or the free one where it belongs. Negative: there is neither, as in an empty array, or to a reader in the midst of a change.
    private static int Find(CountsEntry[] slots, ulong hash, long messageId)
    {
        var slot = Home(hash, slots.Length);
        for (var probes = 0; probes < slots.Length; probes++)
        {
            if (slots[slot].IsFree || slots[slot].MessageId == messageId)
            {
                return slot;
            }

            slot = Next(slot, slots.Length);
        }

        return -1;
    }

    // Moves up what was pushed beyond the gap, so that no probe ends at it.
    private static void CloseGap(CountsEntry[] slots, int gap)
    {
        for (var slot = Next(gap, slots.Length); !slots[slot].IsFree; slot = Next(slot, slots.Length))
        {
            var home = Home(Hash(slots[slot].MessageId), slots.Length);
            var staysBehindGap = gap <= slot ? gap < home && home <= slot : gap < home || home <= slot;
            if (!staysBehindGap)
            {
                slots[gap] = slots[slot];
                gap = slot;
            }
        }

        slots[gap] = default;
    }

    private void TakeIn(CountsOverlay overlay, int segment)
    {
        var (slots, count, isInPlace) = (_segments[segment], _counts[segment], true);
        foreach (ref readonly var entry in overlay.Of(segment))
        {
            var slot = Find(slots, Hash(entry.MessageId), entry.MessageId);
            if ((slot < 0 || slots[slot].IsFree) == entry.IsFree)
            {
                if (!entry.IsFree)
                {
                    slots[slot].Counts = entry.Counts;
                }
            }
            else
            {
                isInPlace = false;
                count += entry.IsFree ? -1 : 1;
            }
        }

        if (isInPlace)
        {
            return;
        }

        var copy = new CountsEntry[LengthFor(count, slots.Length)];
        foreach (ref readonly var entry in overlay.Over(segment, slots))
        {
            if (!entry.IsFree)
            {
                copy[Find(copy, Hash(entry.MessageId), entry.MessageId)] = entry;
            }
        }

        Volatile.Write(ref _segments[segment], copy);
        Volatile.Write(ref _count, _count + count - _counts[segment]);
        _counts[segment] = count;
    }

    // As if the messages had come or gone one by one.
    private int LengthFor(int count, int length)
    {
        length = count >= length / 2 ? length : count == 0 ? 0 : LargerThan(count);
        while (count > 0 && IsFull(count - 1, length))
        {
            length = LargerThan(length);
        }

        return length;
    }

    private void TrimBelow(int segment, double load)
    {
        var (count, length) = (_counts[segment], _segments[segment].Length);
        if (count < length * load)
        {
            Resize(segment, count == 0 ? 0 : LargerThan(count));
        }
    }

    private CountsEntry[] Resize(int segment, int length)
    {
        var slots = length == 0 ? [] : new CountsEntry[length];
        foreach (ref readonly var entry in _segments[segment].AsSpan())
        {
            if (entry.IsFree)
            {
                continue;
            }

            slots[Find(slots, Hash(entry.MessageId), entry.MessageId)] = entry;
        }

        Volatile.Write(ref _segments[segment], slots);
        return slots;
    }

    // Above that, probes for what is not there become long. There always is a free slot.
    private static bool IsFull(int count, int length) => count >= length - (length / 10) - 1;

    private int LargerThan(int length) => length + (length < 32 ? Math.Max(length, 4) : Math.Max(length / (_isFilling ? 2 : 8), 16));

    // The hash's lower half as a fraction of the length, which need not be a power of two.
    private static int Home(ulong hash, int length) => (int)(((hash & uint.MaxValue) * (ulong)length) >> 32);

    private static int Next(int slot, int length) => slot + 1 == length ? 0 : slot + 1;

    // A folded product by secret numbers, which nobody can foresee; and, because few numbers do not spread all sequences well, mixed once more.
    private static ulong Hash(long messageId)
    {
        var high = Math.BigMul((ulong)messageId ^ Seed, Factor, out var low);
        var mixed = high ^ low;
        mixed = (mixed ^ (mixed >> 32)) * 0x9E3779B97F4A7C15;
        return mixed ^ (mixed >> 29);
    }

    private static ulong RandomSeed() => BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(sizeof(ulong)));
}

/// <summary>A message with its counts, or a free slot of a <see cref="CountsTable"/>. 32 bytes.</summary>
internal struct CountsEntry
{
    public long MessageId;
    private long _retweets;
    private long _likes;
    private ulong _revision;

    /// <summary>Set one number after the other, so that to a reader who passes by meanwhile the slot is not free.</summary>
    public MessageCounts Counts
    {
        readonly get => new(_retweets, _likes, _revision);
        set => (_retweets, _likes, _revision) = (value.Retweets, value.Likes, value.Revision);
    }

    /// <summary>Revisions begin with 1.</summary>
    public readonly bool IsFree => _revision == 0;
}
