using System.Collections.Immutable;

namespace CacheService.Counts;

/// <summary>
/// What happened on each day on which something happened. Never changes: a version of the store has its own, which shares with the one before what is the same. So whoever
/// has a version has the days of its snapshot, without a lock.
/// </summary>
internal sealed class DailyCounts
{
    private static readonly ImmutableSortedSet<DayCounts> NoDays = ImmutableSortedSet<DayCounts>.Empty.WithComparer(Comparer<DayCounts>.Create((one, other) => one.Day.CompareTo(other.Day)));

    private readonly ImmutableSortedSet<DayCounts> _days;

    private DailyCounts(ImmutableSortedSet<DayCounts> days) => _days = days;

    /// <summary>No day.</summary>
    public static DailyCounts Empty { get; } = new(NoDays);

    /// <summary>How many days there are.</summary>
    public int Count => _days.Count;

    /// <summary>Adds changes.</summary>
    /// <param name="changes">In any order, a day may be there more than once.</param>
    /// <exception cref="InconsistentChangeException">A day's counts would be below zero, or more than they can be.</exception>
    public DailyCounts Add(IReadOnlyList<DayCounts> changes)
    {
        if (changes.Count == 0)
        {
            return this;
        }

        var days = _days.ToBuilder();
        for (var i = 0; i < changes.Count; i++)
        {
            var change = changes[i];
            var isKnown = days.TryGetValue(change, out var before);
            var after = Sum(isKnown ? before : new DayCounts { Day = change.Day }, change);
            if (isKnown)
            {
                days.Remove(before);
            }

            if (!after.IsZero)
            {
                days.Add(after);
            }
        }

        return new DailyCounts(days.ToImmutable());
    }

    /// <summary>What happened on a day; zeros where nothing did.</summary>
    public DayCounts Of(DateOnly day) => _days.TryGetValue(new DayCounts { Day = day }, out var counts) ? counts : new DayCounts { Day = day };

    /// <summary>The days of a range, in their order, as many as asked for.</summary>
    /// <param name="from">The first day of the range.</param>
    /// <param name="to">Its last day.</param>
    /// <param name="most">The days after so many are left out.</param>
    /// <param name="all">How many there are.</param>
    public IReadOnlyList<DayCounts> Between(DateOnly from, DateOnly to, int most, out int all)
    {
        var first = IndexOf(from, isFound: 0);
        all = Math.Max(0, IndexOf(to, isFound: 1) - first);
        var days = new DayCounts[Math.Min(all, most)];
        for (var i = 0; i < days.Length; i++)
        {
            days[i] = _days[first + i];
        }

        return days;
    }

    /// <summary>All days, in their order.</summary>
    public IEnumerable<DayCounts> All() => _days;

    private int IndexOf(DateOnly day, int isFound)
    {
        var index = _days.IndexOf(new DayCounts { Day = day });
        return index >= 0 ? index + isFound : ~index;
    }

    private static DayCounts Sum(DayCounts before, DayCounts change)
    {
        try
        {
            var after = before.Plus(change);
            return after.IsNegative ? throw new InconsistentChangeException(before, change) : after;
        }
        catch (OverflowException)
        {
            throw new InconsistentChangeException(before, change);
        }
    }
}
