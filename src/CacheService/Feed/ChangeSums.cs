using CacheService.Counts;

namespace CacheService.Feed;

/// <summary>
/// Sums up the rows of the change log that a drain brings, by message and by day. Here and not in the database, which would group even a million messages before it sent the
/// first of them.
/// </summary>
internal sealed class ChangeSums
{
    /// <summary>From so many rows on they are summed up in between, so that many rows of few messages take no room.</summary>
    private const int ManyRows = 100_000;

    private readonly List<CountChange> _changes = [];
    private List<DayCounts>? _days;
    private int _sumChangesAt = ManyRows;
    private int _sumDaysAt = ManyRows;

    /// <summary>Adds what happened to a message.</summary>
    public void Add(CountChange change)
    {
        if (_changes.Count == _sumChangesAt)
        {
            SumChanges(_changes);
            _sumChangesAt = Math.Max(ManyRows, 2 * _changes.Count);
        }

        _changes.Add(change);
    }

    /// <summary>Adds what happened on a day.</summary>
    public void Add(DayCounts change)
    {
        _days ??= [];
        if (_days.Count > 0 && _days[^1].Day == change.Day)
        {
            _days[^1] = _days[^1].Plus(change);
            return;
        }

        if (_days.Count == _sumDaysAt)
        {
            SumDays(_days);
            _sumDaysAt = Math.Max(ManyRows, 2 * _days.Count);
        }

        _days.Add(change);
    }

    /// <summary>What came of all rows: each message once, also where one row has undone another.</summary>
    public IReadOnlyList<CountChange> Changes()
    {
        SumChanges(_changes);
        return _changes;
    }

    /// <summary>What came of all rows: each day once, if anything came of it.</summary>
    public IReadOnlyList<DayCounts> Days()
    {
        if (_days is null)
        {
            return [];
        }

        SumDays(_days);
        _days.RemoveAll(static day => day.IsZero);
        return _days;
    }

    private static void SumChanges(List<CountChange> changes) => Sum(changes, static (one, other) => one.MessageId.CompareTo(other.MessageId), static (one, other) => one.Plus(other));

    private static void SumDays(List<DayCounts> days) => Sum(days, static (one, other) => one.Day.CompareTo(other.Day), static (one, other) => one.Plus(other));

    /// <summary>Puts the sum in the place of equal elements.</summary>
    private static void Sum<T>(List<T> all, Comparison<T> compare, Func<T, T, T> plus)
    {
        if (all.Count < 2)
        {
            return;
        }

        all.Sort(compare);
        var last = 0;
        for (var i = 1; i < all.Count; i++)
        {
            if (compare(all[last], all[i]) == 0)
            {
                all[last] = plus(all[last], all[i]);
            }
            else
            {
                all[++last] = all[i];
            }
        }

        all.RemoveRange(last + 1, all.Count - last - 1);
    }
}
