namespace CacheService.Jobs;

/// <summary>What becomes of the slots that are due.</summary>
/// <param name="Missed">Those that are skipped; null: none.</param>
/// <param name="Run">The one that is run; null: none.</param>
/// <param name="Until">Each slot up to here is one of the two; null: none is due.</param>
internal sealed record DueSlots(SlotRange? Missed, DateTimeOffset? Run, DateTimeOffset? Until)
{
    /// <summary>A machine that was away for very long tells of so many slots at a time.</summary>
    public const int Most = 100_000;

    private static readonly TimeSpan OnTime = TimeSpan.FromMinutes(1);

    /// <summary>By the rule of a job.</summary>
    /// <param name="schedule">Its schedule.</param>
    /// <param name="misfire">The rule.</param>
    /// <param name="after">Slots up to here have been dealt with.</param>
    /// <param name="now">The time, by the database's clock.</param>
    public static DueSlots Of(JobSchedule schedule, Misfire misfire, DateTimeOffset after, DateTimeOffset now)
    {
        if (misfire == Misfire.All)
        {
            return schedule.Next(after) is { } first && first <= now ? new DueSlots(null, first, first) : new DueSlots(null, null, null);
        }

        var (all, last) = (SlotRange.Of(schedule.Between(after, now).Take(Most)), (DateTimeOffset?)null);
        if (all is null)
        {
            return new DueSlots(null, null, null);
        }

        if (all.Count < Most && (misfire == Misfire.Latest || now - all.Last <= OnTime))
        {
            last = all.Last;
            all = SlotRange.Of(schedule.Between(after, last.Value).Take(Most).SkipLast(1));
        }

        return new DueSlots(all, last, last ?? all!.Last);
    }
}

/// <summary>Slots that follow one another.</summary>
/// <param name="First">The first.</param>
/// <param name="Last">The last.</param>
/// <param name="Count">How many there are.</param>
internal sealed record SlotRange(DateTimeOffset First, DateTimeOffset Last, long Count)
{
    /// <summary>The range of these; null: there is none.</summary>
    public static SlotRange? Of(IEnumerable<DateTimeOffset> slots)
    {
        SlotRange? range = null;
        foreach (var slot in slots)
        {
            range = range is null ? new SlotRange(slot, slot, 1) : range with { Last = slot, Count = range.Count + 1 };
        }

        return range;
    }
}
