using CacheService.Counts;

namespace CacheService.Watching;

/// <summary>A subscription of everything: it holds a revision, and nothing for any message.</summary>
internal sealed class AllSubscription(WatchHub hub, CountsStore store, SharedDelta delta) : Subscription(hub)
{
    private readonly WatchHub _hub = hub;
    private ResumePoint? _resume;
    private ChangeHistory _history = null!;
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

    internal override void Begin(ResumePoint? resume, ChangeHistory history)
    {
        _resume = resume;
        _history = history;
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
        : WatchBatches.Split(published, store.ReadChangedAfter(0), [], 0, isReset: true, endsInitialState: true);

    // By the store's own revisions, which go back to the beginning; and by the tombstones, which do not.
    private IEnumerable<WatchBatch> CatchUp(ulong after, CountsVersion published, bool endsInitialState)
    {
        if (_history.FindDeleted(after) is not { } deleted)
        {
            return WatchBatches.Split(published, store.ReadChangedAfter(0), [], 0, isReset: true, endsInitialState: true);
        }

        var counts = new MessageCounts?[deleted.Count];
        store.ReadMany([.. deleted], counts);
        var removed = deleted.Where((_, index) => counts[index] is null).ToList();
        return WatchBatches.Split(published, store.ReadChangedAfter(after), removed, 0, isReset: false, endsInitialState);
    }
}
