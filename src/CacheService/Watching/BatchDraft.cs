using CacheService.Counts;

namespace CacheService.Watching;

/// <summary>Collects what there is to tell into parts that fit a message.</summary>
internal sealed class BatchDraft
{
    private List<CountedMessage> _counts = [];
    private List<long> _removed = [];
    private long _coalesced;
    private bool _isReset;

    /// <summary>Whether there is nothing to tell.</summary>
    public bool IsEmpty => _counts.Count == 0 && _removed.Count == 0 && !_isReset;

    /// <summary>Whether it is to be taken before anything else is added.</summary>
    public bool IsFull => _counts.Count + _removed.Count == WatchBatch.MaxEntries;

    /// <summary>The subscriber must forget what it holds, what was collected here included.</summary>
    public void Reset()
    {
        (_counts, _removed, _isReset) = ([], [], true);
    }

    public void Add(CountedMessage message) => _counts.Add(message);

    public void AddRemoved(long messageId) => _removed.Add(messageId);

    /// <summary>Some changes were passed over.</summary>
    public void AddCoalesced(long changes) => _coalesced += changes;

    /// <summary>A part, after which there is more to tell.</summary>
    public WatchBatch TakePart() => Take(null, coalesced: 0, isSynced: false);

    /// <summary>The last part.</summary>
    /// <param name="version">What the subscriber then knows.</param>
    /// <param name="isSynced">Whether it ends the initial state.</param>
    public WatchBatch TakeLast(CountsVersion version, bool isSynced)
    {
        var coalesced = _coalesced;
        _coalesced = 0;
        return Take(version, coalesced, isSynced);
    }

    private WatchBatch Take(CountsVersion? version, long coalesced, bool isSynced)
    {
        var batch = new WatchBatch(version, _counts, _removed, coalesced, _isReset, isSynced);
        (_counts, _removed, _isReset) = ([], [], false);
        return batch;
    }
}
