namespace CacheService.Watching;

/// <summary>
/// The latest changes by revision, which all subscriptions of everything share, and the deleted messages, for those that resume. Both are bounded; what
/// is forgotten is known. One writer; thread-safe.
/// </summary>
internal sealed class ChangeHistory(int maxTombstones)
{
    /// <summary>Ten seconds of drains at their fastest.</summary>
    private const int MaxRevisions = 4096;

    /// <summary>Some megabytes.</summary>
    private const int MaxChanges = 200_000;

    private readonly Lock _gate = new();
    private readonly IReadOnlyList<long>[] _changes = new IReadOnlyList<long>[MaxRevisions];
    private readonly Dictionary<long, ulong> _tombstones = [];
    private readonly Queue<(ulong Revision, long MessageId)> _tombstonesByAge = new();
    private int _remembered;
    private ulong _last;
    private ulong _forgottenTo;
    private ulong _tombstonesForgottenTo;

    /// <summary>Where the history begins: nothing up to this revision is known.</summary>
    public void Begin(ulong revision)
    {
        lock (_gate)
        {
            _last = _forgottenTo = _tombstonesForgottenTo = revision;
        }
    }

    /// <summary>Notes what changed with the next revision, and which of it was deleted.</summary>
    public void Add(ulong revision, IReadOnlyList<long> changed, IEnumerable<long> deleted)
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

            foreach (var messageId in deleted)
            {
                _tombstones[messageId] = revision;
                _tombstonesByAge.Enqueue((revision, messageId));
            }

            while (_tombstonesByAge.Count > maxTombstones)
            {
                Forget(_tombstonesByAge.Dequeue());
            }
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

    /// <summary>The messages that were deleted after a revision; some may have come again.</summary>
    /// <returns>Null: too long ago.</returns>
    public IReadOnlyList<long>? FindDeleted(ulong after)
    {
        lock (_gate)
        {
            return after < _tombstonesForgottenTo ? null : [.. _tombstones.Where(tombstone => tombstone.Value > after).Select(tombstone => tombstone.Key)];
        }
    }

    private ref IReadOnlyList<long> Slot(ulong revision) => ref _changes[revision % MaxRevisions];

    private void Forget((ulong Revision, long MessageId) oldest)
    {
        _tombstonesForgottenTo = oldest.Revision;

        // Deleted again since: the later tombstone stays.
        if (_tombstones.TryGetValue(oldest.MessageId, out var revision) && revision == oldest.Revision)
        {
            _tombstones.Remove(oldest.MessageId);
        }
    }
}
