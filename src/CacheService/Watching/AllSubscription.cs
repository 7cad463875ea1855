using CacheService.Counts;

namespace CacheService.Watching;

/// <summary>
/// A subscription of everything: it holds a revision, and nothing for any message. News come from the history of changes, all as of one revision. The initial
/// state, and what the history has forgotten, come from the store, which goes on while it is read, segment by segment: each is told as of the revision that
/// the store had then, which may be later than the published one. What the history then brings of that is left out, so that nothing is told twice; and the
/// subscriber is told a version when nothing is ahead of it, so that it resumes behind nothing that it knows.
/// </summary>
internal sealed class AllSubscription(WatchHub hub, CountsStore store, InitialState initialState, SharedDelta delta) : Subscription(hub)
{
    /// <summary>A subscriber that takes so long, so often, that the history forgets meanwhile, is told a version that some of what it knows is ahead of.</summary>
    private const int MaxPasses = 3;

    private readonly WatchHub _hub = hub;
    private readonly BatchDraft _draft = new();

    /// <summary>Everything as of this revision has been told; null: nothing.</summary>
    private ulong? _toldTo;

    /// <summary>As of which revisions the segments have been told, where that may be ahead of what is published; else null.</summary>
    private SegmentRevisions? _known;

    /// <summary>Up to this revision the subscriber may have been told more by an earlier stream than the version that it resumes from says.</summary>
    private ulong _mayKnowTo;

    /// <summary>The subscriber has been told of this revision by an earlier stream: it is told nothing that is older.</summary>
    private ulong _notBefore;
    private bool _isSynced;

    public override IEnumerable<WatchBatch> Collect()
    {
        for (var passes = 0; ;)
        {
            // Before the store is read: see WatchHub.
            var published = _hub.Published!;
            if (_toldTo is { } toldTo && (toldTo == published.Revision ? Nothing : delta.Find(toldTo, published.Revision, _known, toldTo < _mayKnowTo)) is { } news)
            {
                foreach (var batch in Tell(news, published))
                {
                    yield return batch;
                }

                yield break;
            }

            foreach (var part in _toldTo is { } after ? ReadChangedAfter(after) : ReadEverything())
            {
                yield return part;
            }

            // Parts that others began to read may be older than what was published by now; that is for those who were told nothing before.
            _toldTo = Math.Min(published.Revision, _known!.Lowest);
            if (++passes == MaxPasses)
            {
                yield return TakeLast(published, aheadTo: store.Version);
                yield break;
            }
        }
    }

    internal override void Begin(ResumePoint? resume)
    {
        _notBefore = resume?.SeenRevision ?? 0;
        if (resume is { Revision: > 0 })
        {
            (_toldTo, _mayKnowTo) = (resume.Revision, store.Version!.Revision);
        }

        Signal.Set();
    }

    private static Delta Nothing { get; } = new(0, 0, [], [], 0);

    private IEnumerable<WatchBatch> Tell(Delta news, CountsVersion published)
    {
        _toldTo = published.Revision;
        var aheadTo = Math.Max(_known?.Highest ?? 0, _mayKnowTo);
        if (_known is null && aheadTo <= published.Revision && _draft.IsEmpty)
        {
            // Mostly: what all subscribers share, as it is.
            foreach (var batch in WatchBatch.Of(news.Contents, published, published, news.Coalesced, isReset: false, isSynced: !_isSynced))
            {
                yield return batch;
            }

            _isSynced = true;
            yield break;
        }

        if (news.Count > 0 && !_draft.IsEmpty)
        {
            // A message is in a part once.
            yield return _draft.TakePart(store.Version!);
        }

        foreach (var message in news.Changed)
        {
            if (_draft.IsFull)
            {
                yield return _draft.TakePart(store.Version!);
            }

            _draft.Add(message);
        }

        foreach (var message in news.Removed)
        {
            if (_draft.IsFull)
            {
                yield return _draft.TakePart(store.Version!);
            }

            _draft.AddRemoved(message.MessageId);
        }

        _draft.AddCoalesced(news.Coalesced);
        if (aheadTo <= published.Revision)
        {
            _known = null;
            yield return TakeLast(published, aheadTo: null);
        }
        else
        {
            _hub.WakeAfter(published, this);
            if (!_draft.IsEmpty)
            {
                yield return _draft.TakePart(store.Version!);
            }
        }
    }

    private IEnumerable<WatchBatch> ReadEverything()
    {
        _draft.Reset();
        _isSynced = false;
        var reading = new SegmentRevisions();
        foreach (var part in initialState.Read(notBefore: _toldTo is null ? _notBefore : store.Version!.Revision))
        {
            reading.Add(part.FirstSegment, part.Revision);
            foreach (var content in part.Contents.Where(content => content.Count > 0))
            {
                // The last one goes with what comes after it.
                if (_draft.HasContent)
                {
                    yield return _draft.TakePart(store.Version!);
                }

                _draft.AddWhole(content);
            }
        }

        _known = reading;
    }

    // By the store's own revisions, which go back to the beginning; and by the tombstones, which do not.
    private IEnumerable<WatchBatch> ReadChangedAfter(ulong after)
    {
        var (reading, cameAgain) = (new SegmentRevisions(), new HashSet<long>());
        foreach (var message in ReadSegments(after, reading))
        {
            if (_draft.IsFull)
            {
                yield return _draft.TakePart(store.Version!);
            }

            _draft.Add(message);
            if (store.Tombstones.HasSince(message.MessageId, after))
            {
                cameAgain.Add(message.MessageId);
            }
        }

        if (store.Tombstones.FindSince(after) is not { } removals)
        {
            foreach (var part in ReadEverything())
            {
                yield return part;
            }

            yield break;
        }

        // What is gone from its segment as it was read: not what went only then, which the history brings, also where it came again in between.
        var removed = removals
            .Where(removal => removal.Revision > (_known?.Of(removal.MessageId) ?? 0) && removal.Revision <= reading.Of(removal.MessageId))
            .Select(removal => removal.MessageId)
            .Distinct()
            .Where(messageId => !cameAgain.Contains(messageId));
        foreach (var messageId in removed)
        {
            if (_draft.IsFull)
            {
                yield return _draft.TakePart(store.Version!);
            }

            _draft.AddRemoved(messageId);
        }

        _known = reading;
    }

    private IEnumerable<CountedMessage> ReadSegments(ulong after, SegmentRevisions reading)
    {
        var changed = new List<CountedMessage>();
        for (var segment = 0; segment < CountsTable.SegmentCount; segment++)
        {
            reading.Add(segment, store.ReadSegments(segment, 1, Math.Max(after, _known?.Of(segment) ?? 0), changed)!.Revision);
            foreach (var message in changed)
            {
                yield return message;
            }
        }
    }

    private WatchBatch TakeLast(CountsVersion published, CountsVersion? aheadTo)
    {
        var batch = _draft.TakeLast(published, aheadTo, isSynced: !_isSynced);
        _isSynced = true;
        return batch;
    }
}
