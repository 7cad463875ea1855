using CacheService.Counts;

namespace CacheService.Feed;

/// <summary>
/// What the lease keeper reports as reached, so that the change log may be trimmed up to there: the store's snapshot; or, while an audit needs the log
/// from earlier on, a snapshot from before the audit's. Thread-safe, for one audit at a time.
/// </summary>
internal sealed class SnapshotPin(CountsStore store)
{
    private CountsVersion? _pinned;

    /// <summary>The snapshot to report; null before the first load.</summary>
    /// <remarks>
    /// The store is read before the pin. So a report that finds no pin is of a snapshot that the store had before there was one, and that is no later
    /// than what is read from the database after <see cref="Pin"/>, however late the report arrives. In the other order a pin could be set, and the store go on,
    /// between the two reads.
    /// </remarks>
    public PgSnapshot? Reached
    {
        get
        {
            var current = store.Version;

            // A pin from before a load says nothing to the server or the registration of today.
            return Volatile.Read(ref _pinned) is { } pinned && pinned.Epoch == current?.Epoch ? pinned.Snapshot : current?.Snapshot;
        }
    }

    /// <summary>From here on the log keeps what is not in the snapshot that the store has now, nor in any later one.</summary>
    /// <returns>What the store holds; null before the first load.</returns>
    public CountsVersion? Pin()
    {
        var version = store.Version;

        // Interlocked: a full barrier, so that the pin is seen before anything that the caller asks the database next.
        Interlocked.Exchange(ref _pinned, version);
        return version;
    }

    /// <summary>The log may be trimmed again.</summary>
    public void Release() => Volatile.Write(ref _pinned, null);
}
