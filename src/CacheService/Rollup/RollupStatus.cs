namespace CacheService.Rollup;

/// <summary>What is known of the rollup, whoever keeps it. Thread-safe.</summary>
internal sealed class RollupStatus(TimeProvider time)
{
    private volatile RollupCondition _condition = new(null, "nothing was rolled up yet");

    /// <summary>How old the counts in <c>twcache.counters</c> are; null: they are not to be trusted.</summary>
    public TimeSpan? Age => _condition.RolledAt is { } rolledAt ? time.GetElapsedTime(rolledAt) : null;

    /// <summary>Why they are not to be trusted, or not written back, in words; empty: nothing keeps them from it.</summary>
    public string Detail => _condition.Detail;

    /// <summary>Notes what was found.</summary>
    /// <param name="rolledAt">When they were written back, as a <see cref="TimeProvider"/> timestamp; null: not at all.</param>
    /// <param name="detail">See <see cref="Detail"/>.</param>
    public void Note(long? rolledAt, string detail) => _condition = new RollupCondition(rolledAt, detail);

    private sealed record RollupCondition(long? RolledAt, string Detail);
}
