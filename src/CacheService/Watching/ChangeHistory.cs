using CacheService.Counts;

namespace CacheService.Watching;

/// <summary>
/// The latest changes by revision, with the counts as of that revision, which all subscriptions of everything share. Bounded: what is forgotten, the store's
/// own revisions tell, at more cost. One writer; thread-safe.
/// </summary>
internal sealed class ChangeHistory
{
    /// <summary>Ten seconds of drains at their fastest.</summary>
    private const int MaxRevisions = 4096;

    /// <summary>Some megabytes.</summary>
    private const int MaxChanges = 200_000;

    private readonly Lock _gate = new();
    private readonly Delta?[] _changes = new Delta?[MaxRevisions];
    private int _remembered;
    private ulong _last;
    private ulong _forgottenTo;

    /// <summary>Whether so many changes with one revision can be remembered.</summary>
    public static bool HasRoomFor(int changes) => changes <= MaxChanges;

    /// <summary>Where the history begins: nothing up to this revision is known.</summary>
    public void Begin(ulong revision)
    {
        lock (_gate)
        {
            if (_remembered > 0)
            {
                Array.Clear(_changes);
                _remembered = 0;
            }

            _last = _forgottenTo = revision;
        }
    }

    /// <summary>Notes what changed with the next revision.</summary>
    public void Add(Delta changes)
    {
        lock (_gate)
        {
            while (_forgottenTo < _last && (_last - _forgottenTo == MaxRevisions || _remembered + changes.Count > MaxChanges))
            {
                _forgottenTo++;
                _remembered -= Slot(_forgottenTo)!.Count;
                Slot(_forgottenTo) = null;
            }

            _last = changes.UpTo;
            Slot(_last) = changes;
            _remembered += changes.Count;
        }
    }

    /// <summary>Whether what changed after a revision is known.</summary>
    public bool Reaches(ulong revision)
    {
        lock (_gate)
        {
            return revision >= _forgottenTo;
        }
    }

    /// <summary>What changed after a revision and up to another, each message once and as of the latter.</summary>
    /// <param name="after">The first revision.</param>
    /// <param name="upTo">The last revision.</param>
    /// <param name="known">As of which revisions messages are known, where that is after the first; else null.</param>
    /// <param name="tellsAllThatWent">Whether to tell also of the messages that went and had come only after the first revision.</param>
    /// <returns>Null: too long ago.</returns>
    public Delta? Find(ulong after, ulong upTo, SegmentRevisions? known = null, bool tellsAllThatWent = false)
    {
        lock (_gate)
        {
            return after < _forgottenTo ? null : upTo - after == 1 && known is null ? Slot(upTo) : Merge(after, upTo, known, tellsAllThatWent);
        }
    }

    private Delta? Merge(ulong after, ulong upTo, SegmentRevisions? known, bool tellsAllThatWent)
    {
        var changed = new List<CountedMessage>();
        var seen = new HashSet<long>();
        var gone = new Dictionary<long, Removal>();
        var total = 0L;

        // From the last on, so that the first that is seen of a message is what holds.
        for (var revision = upTo; revision > after; revision--)
        {
            if (Slot(revision) is not { } changes)
            {
                // Who asks has revisions of another history, and is about to be told so.
                return null;
            }

            total += changes.Count;
            foreach (var message in changes.Changed)
            {
                if (known?.Of(message.MessageId) >= revision)
                {
                    continue;
                }

                if (seen.Add(message.MessageId))
                {
                    changed.Add(message);
                }
                else if (gone.TryGetValue(message.MessageId, out var removal))
                {
                    gone[message.MessageId] = removal with { WasThere = !changes.Came.Contains(message.MessageId) };
                }
            }

            foreach (var message in changes.Removed)
            {
                if (known?.Of(message.MessageId) >= revision)
                {
                    continue;
                }

                if (seen.Add(message.MessageId))
                {
                    gone.Add(message.MessageId, new Removal(message, WasThere: true));
                }
                else if (gone.TryGetValue(message.MessageId, out var removal))
                {
                    gone[message.MessageId] = removal with { WasThere = true };
                }
            }
        }

        // Nobody has to forget what came and went in between.
        List<RemovedMessage> removed = [.. gone.Values.Where(removal => removal.WasThere || tellsAllThatWent).Select(removal => removal.Message)];
        return new Delta(after, upTo, changed, removed, total - changed.Count - removed.Count);
    }

    private ref Delta? Slot(ulong revision) => ref _changes[revision % MaxRevisions];

    /// <param name="Message">The message that went.</param>
    /// <param name="WasThere">Whether it was there at the first revision, or as of what is known.</param>
    private readonly record struct Removal(RemovedMessage Message, bool WasThere);
}
