using CacheService.Counts;

namespace CacheService.Watching;

/// <summary>Collects what there is to tell into parts that fit a message.</summary>
internal sealed class BatchDraft
{
    private List<CountedMessage> _counts = [];
    private List<long> _removed = [];
    private WatchContent? _whole;
    private long _coalesced;
    private bool _isReset;

    /// <summary>Whether there is nothing to tell.</summary>
    public bool IsEmpty => !HasContent && !_isReset;

    /// <summary>Whether there are counts or removals.</summary>
    public bool HasContent => _whole is not null || _counts.Count + _removed.Count > 0;

    /// <summary>Whether it is to be taken before anything else is added.</summary>
    public bool IsFull => _whole is not null || _counts.Count + _removed.Count == WatchContent.MaxEntries;

    /// <summary>The subscriber must forget what it holds, what was collected here included.</summary>
    public void Reset()
    {
        (_counts, _removed, _whole, _isReset) = ([], [], null, true);
    }

    public void Add(CountedMessage message) => _counts.Add(message);

    public void AddRemoved(long messageId) => _removed.Add(messageId);

    /// <summary>Makes something that others are told too the content, of which there is none.</summary>
    public void AddWhole(WatchContent content) => _whole = content;

    /// <summary>Some changes were passed over.</summary>
    public void AddCoalesced(long changes) => _coalesced += changes;

    /// <summary>A part, after which there is more to tell.</summary>
    /// <param name="asOf">What its content is as of, at most.</param>
    public WatchBatch TakePart(CountsVersion asOf) => Take(null, asOf, coalesced: 0, isSynced: false);

    /// <summary>The last part.</summary>
    /// <param name="version">What the subscriber then knows.</param>
    /// <param name="aheadTo">What some of that may be ahead to; null: nothing is.</param>
    /// <param name="isSynced">Whether it ends the initial state.</param>
    public WatchBatch TakeLast(CountsVersion version, CountsVersion? aheadTo, bool isSynced)
    {
        var coalesced = _coalesced;
        _coalesced = 0;
        return Take(version, aheadTo, coalesced, isSynced);
    }

    private WatchBatch Take(CountsVersion? version, CountsVersion? aheadTo, long coalesced, bool isSynced)
    {
        var batch = new WatchBatch(version, _whole ?? (HasContent ? new WatchContent(_counts, _removed) : WatchContent.Empty), aheadTo, coalesced, _isReset, isSynced);
        if (_whole is null && HasContent)
        {
            (_counts, _removed) = ([], []);
        }

        (_whole, _isReset) = (null, false);
        return batch;
    }
}
