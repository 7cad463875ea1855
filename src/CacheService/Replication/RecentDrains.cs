using CacheService.Concurrency;
using CacheService.Counts;

namespace CacheService.Replication;

/// <summary>
/// The latest drains of this cache, with what each touched as it was then, so that whoever becomes publisher can go on from where the one before got to. Bounded; a load
/// begins anew. One writer, the store's; thread-safe.
/// </summary>
internal sealed class RecentDrains : IDisposable
{
    /// <summary>Some minutes of drains at their fastest.</summary>
    private const int MaxDrains = 65_536;

    /// <summary>Some dozens of megabytes, and the largest drain.</summary>
    private const int MaxChanges = 500_000;

    private readonly CountsStore _store;
    private readonly Lock _gate = new();

    // By number, of which each drain that touched something has the next.
    private readonly Drain?[] _drains = new Drain?[MaxDrains];
    private int _changes;
    private long _first;
    private DrainMark? _latest;

    /// <summary>What the first of them goes on from.</summary>
    private CountsVersion? _base;

    public RecentDrains(CountsStore store)
    {
        _store = store;
        store.Changed += Add;
    }

    /// <summary>Set after each drain, whether it found something or not.</summary>
    public Signal Drained { get; } = new();

    /// <summary>What the cache held as of its last drain; null before the first load.</summary>
    public DrainMark? Latest
    {
        get
        {
            lock (_gate)
            {
                return _latest;
            }
        }
    }

    /// <summary>Waits until what the store has now is remembered: the store is at a drain a little before it tells of it.</summary>
    public async Task<DrainMark> CatchUpAsync(CancellationToken cancellationToken)
    {
        var version = _store.Version!;
        while (true)
        {
            if (Latest is { } latest && (latest.Version.Epoch != version.Epoch || latest.Version.Revision >= version.Revision))
            {
                return latest;
            }

            await Drained.WaitAsync(TimeSpan.FromMilliseconds(1), cancellationToken);
        }
    }

    /// <summary>What has been touched since a drain, and up to the latest one.</summary>
    /// <returns>Null: there was a load since, or it is too long ago.</returns>
    public DrainSum? Since(DrainMark mark)
    {
        lock (_gate)
        {
            return _latest is null || _latest.Version.Epoch != mark.Version.Epoch || mark.Number < _first ? null : SumAfter(mark.Number);
        }
    }

    /// <summary>
    /// What has been touched since the latest state that a snapshot includes: all that is not in that snapshot, and perhaps more. What was done and undone in between is
    /// touched as well, because the snapshot may have only one of the two; of days that is not known, and all of them are told.
    /// </summary>
    /// <returns>Null: no state that is remembered is included.</returns>
    public DrainSum? SinceOneIncludedIn(PgSnapshot snapshot)
    {
        lock (_gate)
        {
            if (_latest is null || !_base!.Snapshot.IsContainedIn(snapshot))
            {
                return null;
            }

            var included = _latest.Number;
            while (included > _first && !At(included).Version.Snapshot.IsContainedIn(snapshot))
            {
                included--;
            }

            // What an audit has corrected here, whoever published until now may have wrong, whatever its snapshot.
            for (var number = _first + 1; number <= included; number++)
            {
                included = At(number).Version.IsCorrection ? number - 1 : included;
            }

            var sum = SumAfter(included) with { HasAllDays = true };
            foreach (var day in _latest.Version.Days?.All() ?? [])
            {
                sum.Days[day.Day] = day;
            }

            return sum;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _store.Changed -= Add;
        Drained.Dispose();
    }

    private DrainSum SumAfter(long after)
    {
        var sum = new DrainSum(_latest!);
        for (var number = after + 1; number <= _latest!.Number; number++)
        {
            var drain = At(number);
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
            var number = _latest?.Number ?? 0;
            if (_latest?.Version.Epoch != version.Epoch)
            {
                Array.Clear(_drains);
                (_changes, _first, _base) = (0, number, version);
            }
            else if (version.Revision != _latest.Version.Revision || _store.Undone.Count > 0)
            {
                Remember(++number, version, [.. changed, .. _store.Undone]);
            }

            _latest = new DrainMark(number, version);
        }

        Drained.Set();
    }

    private void Remember(long number, CountsVersion version, long[] messageIds)
    {
        var counts = new MessageCounts?[messageIds.Length];
        _store.ReadMany(messageIds, counts);
        DayCounts[] days = version.Days is null ? [] : [.. _store.DayChanges.Select(day => version.Days.Of(day.Day))];
        _changes += messageIds.Length;
        // A drain of any size stays until that many came after it, so that whoever was just before it can be gone on from.
        while (_first + 1 < number && (_changes - At(_first + 1).MessageIds.Length > MaxChanges || number - _first > MaxDrains))
        {
            var oldest = At(++_first);
            _changes -= oldest.MessageIds.Length;
            _base = oldest.Version;
            Slot(_first) = null;
        }

        Slot(number) = new Drain(version, messageIds, counts, days);
    }

    private Drain At(long number) => Slot(number)!;

    private ref Drain? Slot(long number) => ref _drains[number % MaxDrains];

    private sealed record Drain(CountsVersion Version, long[] MessageIds, MessageCounts?[] Counts, DayCounts[] Days);
}

/// <summary>A drain of this cache, or a load.</summary>
/// <param name="Number">Drains that touched something are numbered on.</param>
/// <param name="Version">What the cache held then.</param>
internal sealed record DrainMark(long Number, CountsVersion Version);

/// <summary>What some drains together have touched.</summary>
/// <param name="Latest">The last of them.</param>
internal sealed record DrainSum(DrainMark Latest)
{
    /// <summary>The messages, with their counts as of the last drain; null: it went, or was never there.</summary>
    public Dictionary<long, MessageCounts?> Counts { get; } = [];

    /// <summary>The days, as of the last drain.</summary>
    public SortedDictionary<DateOnly, DayCounts> Days { get; } = [];

    /// <summary>Whether those are all days that there are: what is not among them is over.</summary>
    public bool HasAllDays { get; init; }

    /// <summary>What the last of them has led to.</summary>
    public CountsVersion Version => Latest.Version;

    /// <summary>Whether they have touched nothing.</summary>
    public bool IsEmpty => Counts.Count == 0 && Days.Count == 0 && !HasAllDays;
}
