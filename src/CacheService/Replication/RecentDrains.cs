using CacheService.Concurrency;
using CacheService.Counts;

namespace CacheService.Replication;

/// <summary>
/// The latest drains of this cache, with what each changed as it was then, so that whoever becomes publisher can go on from where the one before got to. Bounded; a load
/// begins anew. One writer, the store's; thread-safe.
/// </summary>
internal sealed class RecentDrains : IDisposable
{
    /// <summary>Some minutes of drains at their fastest.</summary>
    private const int MaxDrains = 65_536;

    /// <summary>Some dozens of megabytes.</summary>
    private const int MaxChanges = 500_000;

    private readonly CountsStore _store;
    private readonly Lock _gate = new();

    // By revision, of which each drain has the next.
    private readonly Drain?[] _drains = new Drain?[MaxDrains];
    private int _changes;

    /// <summary>What the first of them goes on from.</summary>
    private CountsVersion? _base;
    private CountsVersion? _latest;

    public RecentDrains(CountsStore store)
    {
        _store = store;
        store.Changed += Add;
    }

    /// <summary>Set after each drain, whether it found something or not.</summary>
    public Signal Drained { get; } = new();

    /// <summary>What the cache held as of its last drain; null before the first load.</summary>
    public CountsVersion? Latest
    {
        get
        {
            lock (_gate)
            {
                return _latest;
            }
        }
    }

    /// <summary>What has changed since a version, and up to the latest one.</summary>
    /// <param name="version">A version of this cache.</param>
    /// <returns>Null: there was a load since, or it is too long ago.</returns>
    public DrainSum? Since(CountsVersion version)
    {
        lock (_gate)
        {
            return _latest is null || _base!.Epoch != version.Epoch || version.Revision < _base.Revision ? null : SumAfter(version.Revision);
        }
    }

    /// <summary>What has changed since the latest version that a snapshot includes: all that is not in that snapshot, and perhaps more.</summary>
    /// <returns>Null: none that is remembered is included.</returns>
    public DrainSum? SinceOneIncludedIn(PgSnapshot snapshot)
    {
        lock (_gate)
        {
            if (_latest is null || !_base!.Snapshot.IsContainedIn(snapshot))
            {
                return null;
            }

            var included = _latest.Revision;
            while (included > _base.Revision && !At(included).Version.Snapshot.IsContainedIn(snapshot))
            {
                included--;
            }

            return SumAfter(included);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _store.Changed -= Add;
        Drained.Dispose();
    }

    private DrainSum SumAfter(ulong after)
    {
        var sum = new DrainSum(_latest!);
        for (var revision = after + 1; revision <= _latest!.Revision; revision++)
        {
            var drain = At(revision);
            for (var i = 0; i < drain.MessageIds.Length; i++)
            {
                sum.Counts[drain.MessageIds[i]] = drain.Counts[i];
            }

            foreach (var day in drain.Days)
            {
                sum.Days[day.Day] = day;
            }
        }

        return sum;
    }

    // On the store's writer: the store is at this version until it returns.
    private void Add(CountsVersion version, IReadOnlyList<long> changed)
    {
        lock (_gate)
        {
            if (_latest?.Epoch != version.Epoch)
            {
                Array.Clear(_drains);
                _changes = 0;
                _base = version;
            }
            else if (version.Revision != _latest.Revision)
            {
                Remember(new Drain(version, [.. changed], new MessageCounts?[changed.Count], version.Days is null ? [] : [.. _store.DayChanges.Select(day => version.Days.Of(day.Day))]));
            }

            _latest = version;
        }

        Drained.Set();
    }

    private void Remember(Drain drain)
    {
        _store.ReadMany(drain.MessageIds, drain.Counts);
        _changes += drain.MessageIds.Length;
        while (_base!.Revision + 1 < drain.Version.Revision && (_changes > MaxChanges || drain.Version.Revision - _base.Revision > MaxDrains))
        {
            var oldest = At(_base.Revision + 1);
            _changes -= oldest.MessageIds.Length;
            _base = oldest.Version;
        }

        Slot(drain.Version.Revision) = drain;
    }

    private Drain At(ulong revision) => Slot(revision)!;

    private ref Drain? Slot(ulong revision) => ref _drains[revision % MaxDrains];

    private sealed record Drain(CountsVersion Version, long[] MessageIds, MessageCounts?[] Counts, DayCounts[] Days);
}

/// <summary>What some drains together have changed.</summary>
/// <param name="Version">What they lead to.</param>
internal sealed record DrainSum(CountsVersion Version)
{
    /// <summary>The messages that changed, with their counts as of the version; null: it went, or was never there.</summary>
    public Dictionary<long, MessageCounts?> Counts { get; } = [];

    /// <summary>The days that changed, as of the version.</summary>
    public SortedDictionary<DateOnly, DayCounts> Days { get; } = [];

    /// <summary>Whether they have changed nothing.</summary>
    public bool IsEmpty => Counts.Count == 0 && Days.Count == 0;
}
