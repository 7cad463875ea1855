using CacheService.Counts;

namespace CacheService.Watching;

/// <summary>A subscription of everything: it holds a revision, and nothing for any message.</summary>
internal sealed class AllSubscription(WatchHub hub, CountsStore store, SharedDelta delta) : Subscription(hub)
{
    private readonly WatchHub _hub = hub;
    private ResumePoint? _resume;
    private ulong _toldTo;
    private bool _isSynced;

    public override IEnumerable<WatchBatch> Collect()
    {
        // Before the store is read: see WatchHub.
        var published = _hub.Published!;
        var batches = _isSynced ? FindNews(published) : FindInitialState(published);
        _isSynced = true;
        _toldTo = published.Revision;
        return batches;
    }

    internal override void Begin(ResumePoint? resume)
    {
        _resume = resume;
        Signal.Set();
    }

    private IEnumerable<WatchBatch> FindNews(CountsVersion published)
    {
        if (published.Revision == _toldTo)
        {
            return [new WatchBatch(published, [], [])];
        }

        return delta.Find(_toldTo, published) is { } shared
            ? WatchBatches.Split(published, shared.Changed, shared.Removed, shared.Coalesced, isReset: false, endsInitialState: false)
            : CatchUp(_toldTo, published, endsInitialState: false);
    }

    private IEnumerable<WatchBatch> FindInitialState(CountsVersion published) => _resume is { } resume
        ? CatchUp(resume.Revision, published, endsInitialState: true)
        : FindEverything(published);

    private IEnumerable<WatchBatch> FindEverything(CountsVersion published) =>
        WatchBatches.Split(published, store.ReadChangedAfter(0), [], 0, isReset: true, endsInitialState: true);

    // By the store's own revisions, which go back to the beginning; and by the tombstones, which do not.
    private IEnumerable<WatchBatch> CatchUp(ulong after, CountsVersion published, bool endsInitialState)
    {
        var (isForgotten, removed) = (false, new List<long>());
        foreach (var batch in WatchBatches.Split(published, FindChanged(), removed, 0, isReset: false, endsInitialState))
        {
            if (!isForgotten)
            {
                yield return batch;
            }
        }

        if (isForgotten)
        {
            foreach (var batch in FindEverything(published))
            {
                yield return batch;
            }
        }

        IEnumerable<CountedMessage> FindChanged()
        {
            foreach (var message in store.ReadChangedAfter(after))
            {
                yield return message;
            }

            // Asked only now: what went while the counts were enumerated is among these, whether it came again or not.
            var went = store.Tombstones.FindSince(after);
            isForgotten = went is null;
            foreach (var messageId in went ?? [])
            {
                store.Read(messageId, out var counts);
                if (counts is { } current)
                {
                    yield return new CountedMessage(messageId, current);
                }
                else
                {
                    removed.Add(messageId);
                }
            }
        }
    }
}
