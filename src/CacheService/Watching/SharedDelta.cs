namespace CacheService.Watching;

/// <summary>What changed between two revisions, found once for all subscriptions of everything that ask for the same two. Thread-safe.</summary>
internal sealed class SharedDelta(ChangeHistory history)
{
    private readonly Lock _gate = new();
    private Delta? _latest;

    /// <summary>Revisions mean something else from now on.</summary>
    public void Forget()
    {
        lock (_gate)
        {
            _latest = null;
        }
    }

    /// <summary>What changed after a revision and up to another.</summary>
    /// <param name="after">The first revision.</param>
    /// <param name="upTo">The last revision.</param>
    /// <param name="known">As of which revisions the one who asks knows messages, where that is after the first: then it is not shared. Else null.</param>
    /// <param name="mayKnowMore">Whether the one who asks may know messages that came after the first revision: then all that went are told, and it is not shared.</param>
    /// <returns>Null: the history does not go back so far.</returns>
    public Delta? Find(ulong after, ulong upTo, SegmentRevisions? known, bool mayKnowMore)
    {
        if (known is not null || mayKnowMore)
        {
            return history.Find(after, upTo, known, mayKnowMore);
        }

        // Under the lock, so that those who wake up together wait for one of them to find it.
        lock (_gate)
        {
            if (_latest is { } latest && latest.After == after && latest.UpTo == upTo)
            {
                return latest;
            }

            return _latest = history.Find(after, upTo);
        }
    }
}
