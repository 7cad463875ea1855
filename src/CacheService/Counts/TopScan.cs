namespace CacheService.Counts;

/// <summary>
/// Finds the highest counts while the writer goes on: a pass over the segments, each as of a moment of its own, keeps more than is asked for; then, with the
/// writer held up, what the writer noted as changed meanwhile is read again. That is exact if the last of the answer ranks no lower than whatever
/// the pass dropped: what was dropped and not changed is no higher now, and what was changed is known.
/// </summary>
internal sealed class TopScan(CountsTable table, TopOrder order, int limit)
{
    /// <summary>To read more of them again, with the writer held up, takes as long as another pass does without.</summary>
    private const int MostChanged = 100_000;

    private readonly int _kept = 2 * limit;
    private readonly PriorityQueue<CountedMessage, TopRank> _best = new();
    private readonly List<CountedMessage> _found = [];
    private readonly List<long[]> _changed = [];
    private int _noted;

    /// <summary>What is scanned.</summary>
    public CountsTable Table => table;

    /// <summary>The writer changed these messages. Only for the writer.</summary>
    public void Note(long[] messageIds)
    {
        _noted += messageIds.Length;
        if (_noted > MostChanged)
        {
            _changed.Clear();
            return;
        }

        _changed.Add(messageIds);
    }

    /// <summary>Finds what in a segment ranks high enough, in place of what was found before. Of a segment that changes meanwhile it finds anything.</summary>
    public void Find(int segment)
    {
        _found.Clear();
        var isOpen = _best.Count < _kept;
        _best.TryPeek(out _, out var worst);
        foreach (ref readonly var entry in table.Segment(segment))
        {
            if (!entry.IsFree && (isOpen || IsAbove(entry, worst)))
            {
                _found.Add(new CountedMessage(entry.MessageId, entry.Counts));
            }
        }
    }

    /// <summary>Keeps the best of what was found.</summary>
    public void Keep()
    {
        foreach (var message in _found)
        {
            var rank = RankOf(message);
            if (_best.Count < _kept)
            {
                _best.Enqueue(message, rank);
            }
            else
            {
                _best.EnqueueDequeue(message, rank);
            }
        }
    }

    /// <summary>The highest counts, highest first, as of now. The writer must not write meanwhile.</summary>
    /// <returns>Null: too many changed, or the scan kept too few of those that did not.</returns>
    public List<CountedMessage>? Finish()
    {
        if (_noted > MostChanged)
        {
            return null;
        }

        var isAll = _best.Count < _kept;
        _best.TryPeek(out _, out var dropped);
        var changed = new HashSet<long>(_changed.SelectMany(messageIds => messageIds));
        var top = new List<CountedMessage>(_best.Count);
        top.AddRange(_best.UnorderedItems.Select(kept => kept.Element).Where(message => !changed.Contains(message.MessageId)));
        foreach (var messageId in changed)
        {
            if (table.TryGet(messageId, out var counts) && (isAll || IsNotBelow(new CountedMessage(messageId, counts), dropped)))
            {
                top.Add(new CountedMessage(messageId, counts));
            }
        }

        top.Sort((one, other) => RankOf(other).CompareTo(RankOf(one)));
        if (top.Count > limit)
        {
            top.RemoveRange(limit, top.Count - limit);
        }

        return isAll || (top.Count == limit && IsNotBelow(top[^1], dropped)) ? top : null;
    }

    // Called for every message: most are below, and where counts are small many are as high.
    private bool IsAbove(in CountsEntry entry, in TopRank rank)
    {
        var value = TopRank.ValueOf(entry.Counts, order);
        return value > rank.Value || (value == rank.Value && entry.MessageId < rank.MessageId);
    }

    private bool IsNotBelow(CountedMessage message, TopRank rank) => RankOf(message).CompareTo(rank) >= 0;

    private TopRank RankOf(CountedMessage message) => new(TopRank.ValueOf(message.Counts, order), message.MessageId);
}
