namespace CacheService.Counts;

/// <summary>Which snapshot of the database the store holds.</summary>
/// <param name="Epoch">Names one load; revisions compare only within it.</param>
/// <param name="Revision">Grows by one with every drain that changed something.</param>
/// <param name="Messages">How many messages there are.</param>
/// <param name="Snapshot">What the counts include.</param>
/// <param name="TakenAt">A <see cref="TimeProvider"/> timestamp from before the snapshot was taken: whatever was committed by then is included.</param>
internal sealed record CountsVersion(string Epoch, ulong Revision, long Messages, PgSnapshot Snapshot, long TakenAt)
{
    /// <summary>What happened on each day; null where the database does not tell the time of activity.</summary>
    public DailyCounts? Days { get; init; }

    /// <summary>It came of a correction (<see cref="CountsStore.Correct"/>) of counts that were wrong, and not of a later snapshot.</summary>
    public bool IsCorrection { get; init; }
}
