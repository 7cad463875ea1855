namespace CacheService.Watching;

/// <summary>
/// The latest changes by revision, which all subscriptions of everything share. Bounded: what is forgotten, the store's own revisions tell, at more cost.
/// One writer; thread-safe.
/// </summary>
internal sealed class ChangeHistory
{
    /// <summary>Ten seconds of drains at their fastest.</summary>
    private const int MaxRevisions = 4096;

    /// <summary>Some megabytes.</summary>
    private const int MaxChanges = 200_000;

    private readonly Lock _gate = new();
    private readonly IReadOnlyList<long>[] _changes = new IReadOnlyList<long>[MaxRevisions];
    private int _remembered;
    private ulong _last;
    private ulong _forgottenTo;

    /// <summary>Where the history begins: nothing up to this revision is known.</summary>
    public void Begin(ulong revision)
    {
        lock (_gate)
        {
            _last = _forgottenTo = revision;
        }
    }

    /// <summary>Notes what changed with the next revision.</summary>
    public void Add(ulong revision, IReadOnlyList<long> changed)
    {
        lock (_gate)
        {
            while (_forgottenTo < _last && (_last - _forgottenTo == MaxRevisions || _remembered + changed.Count > MaxChanges))
            {
                _forgottenTo++;
                _remembered -= Slot(_forgottenTo).Count;
                Slot(_forgottenTo) = [];
            }

            _last = revision;
            Slot(revision) = changed;
            _remembered += changed.Count;
        }
    }

    /// <summary>The messages that changed after a revision and up to another, each once.</summary>
    /// <param name="after">The first revision.</param>
    /// <param name="upTo">The last revision.</param>
    /// <param name="total">How often they changed, all in all.</param>
    /// <returns>Null: too long ago.</returns>
    public HashSet<long>? FindChanges(ulong after, ulong upTo, out long total)
    {
        total = 0;
        lock (_gate)
        {
            if (after < _forgottenTo)
            {
                return null;
            }

            var changed = new HashSet<long>();
            for (var revision = after + 1; revision <= upTo; revision++)
            {
                changed.UnionWith(Slot(revision));
                total += Slot(revision).Count;
            }

            return changed;
        }
    }

    private ref IReadOnlyList<long> Slot(ulong revision) => ref _changes[revision % MaxRevisions];
}
