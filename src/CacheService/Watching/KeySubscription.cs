using CacheService.Counts;

namespace CacheService.Watching;

/// <summary>A subscription of some messages: one pending mark for each at most.</summary>
internal sealed class KeySubscription : Subscription
{
    /// <summary>A subscriber of messages that change all the time is told, after so many attempts, counts that are ahead of what is published.</summary>
    private const int MaxDeferrals = 4;

    private readonly WatchHub _hub;
    private readonly CountsStore _store;
    private readonly long[] _messageIds;

    // Whether the subscriber may hold counts of a message, and of which revision.
    private readonly bool[] _isHeld;
    private readonly ulong[] _heldRevisions;

    private readonly Lock _gate = new();
    private readonly bool[] _isMarked;
    private List<int> _marks;
    private long _coalesced;
    private int _deferrals;
    private ulong _aheadTo;
    private bool _isReset;
    private bool _isSynced;

    /// <param name="hub">Wakes it.</param>
    /// <param name="store">Has the counts.</param>
    /// <param name="messageIds">The messages; taken over.</param>
    internal KeySubscription(WatchHub hub, CountsStore store, long[] messageIds)
        : base(hub)
    {
        _hub = hub;
        _store = store;
        long[] distinct = [.. messageIds.Distinct()];
        _messageIds = distinct.Length == messageIds.Length ? messageIds : distinct;
        _isHeld = new bool[_messageIds.Length];
        _heldRevisions = new ulong[_messageIds.Length];
        _isMarked = new bool[_messageIds.Length];
        _marks = [];
    }

    /// <summary>The messages, each once.</summary>
    public IReadOnlyList<long> MessageIds => _messageIds;

    public override IEnumerable<WatchBatch> Collect()
    {
        // In this order: see WatchHub.
        var published = _hub.Published!;
        var (marks, coalesced) = TakeMarks();
        var counts = new MessageCounts?[marks.Count];
        var version = _store.ReadMany([.. marks.Select(index => _messageIds[index])], counts)!;
        if (version.Revision > published.Revision && IsAhead(marks, counts, published.Revision))
        {
            // The later version is about to be published.
            _hub.WakeAfter(published, this);
            if (_deferrals++ < MaxDeferrals)
            {
                PutBack(marks, coalesced);
                return [];
            }

            _aheadTo = version.Revision;
        }

        _deferrals = 0;
        var (changed, removed) = (new List<CountedMessage>(), new List<long>());
        for (var i = 0; i < counts.Length; i++)
        {
            Compare(marks[i], counts[i], changed, removed);
        }

        // Some of what was told is ahead of this version: who resumed from it would be told that again.
        var told = published.Revision >= _aheadTo ? published : null;
        var (isReset, endsInitialState) = (_isReset, told is not null && !_isSynced);
        _isReset = false;
        _isSynced |= endsInitialState;
        return WatchBatch.Of(WatchContent.Split(changed, removed), told, version, coalesced, isReset, endsInitialState);
    }

    /// <summary>The counts of a message changed.</summary>
    internal void Mark(int index)
    {
        lock (_gate)
        {
            if (_isMarked[index])
            {
                _coalesced++;
            }
            else
            {
                _isMarked[index] = true;
                _marks.Add(index);
            }
        }
    }

    internal override void Begin(ResumePoint? resume)
    {
        _isReset = resume is null or { Revision: 0 } || !TryResume(resume.Revision);
        for (var index = 0; index < _messageIds.Length; index++)
        {
            Mark(index);
        }

        Signal.Set();
    }

    private bool TryResume(ulong revision)
    {
        for (var index = 0; index < _messageIds.Length; index++)
        {
            _store.Read(_messageIds[index], out var counts);
            _isHeld[index] = counts is not null || _store.Tombstones.HasSince(_messageIds[index], revision);
            _heldRevisions[index] = revision;
        }

        if (_store.Tombstones.ForgottenTo <= revision)
        {
            return true;
        }

        Array.Clear(_isHeld);
        Array.Clear(_heldRevisions);
        return false;
    }

    private void Compare(int index, MessageCounts? counts, List<CountedMessage> changed, List<long> removed)
    {
        if (counts is { } current)
        {
            if (current.Revision > _heldRevisions[index])
            {
                changed.Add(new CountedMessage(_messageIds[index], current));
                _heldRevisions[index] = current.Revision;
            }

            _isHeld[index] = true;
        }
        else if (_isHeld[index])
        {
            removed.Add(_messageIds[index]);
            _isHeld[index] = false;
        }
    }

    private bool IsAhead(List<int> marks, MessageCounts?[] counts, ulong revision)
    {
        for (var i = 0; i < counts.Length; i++)
        {
            if (counts[i] is { } current ? current.Revision > revision : _isHeld[marks[i]])
            {
                return true;
            }
        }

        return false;
    }

    private void PutBack(List<int> marks, long coalesced)
    {
        marks.ForEach(Mark);
        lock (_gate)
        {
            _coalesced += coalesced;
        }
    }

    private (List<int> Marks, long Coalesced) TakeMarks()
    {
        lock (_gate)
        {
            var (marks, coalesced) = (_marks, _coalesced);
            _marks = [];
            _coalesced = 0;
            foreach (var index in marks)
            {
                _isMarked[index] = false;
            }

            return (marks, coalesced);
        }
    }
}
