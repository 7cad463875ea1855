using CacheService.Counts;

namespace CacheService.Feed;

/// <summary>What one read of the change log found, all under one snapshot.</summary>
internal sealed record DrainResult
{
    /// <summary>A <see cref="TimeProvider"/> timestamp from before the drain began.</summary>
    public required long StartedAt { get; init; }

    /// <summary>What was proven of the registration before the drain began.</summary>
    public required Proof Proven { get; init; }

    /// <summary>The snapshot that the changes lead to.</summary>
    public required PgSnapshot Snapshot { get; init; }

    /// <summary>The change log's identity; null: the server has crashed.</summary>
    public required Guid? Identity { get; init; }

    /// <summary>How many renewals had been sent when the drain had ended.</summary>
    public long SentRenewals { get; init; }

    /// <summary>The number of the consumer's last renewal; -1: it is not registered, or the lease has not held since.</summary>
    public required long Renewal { get; init; }

    /// <summary>The number of the latest lapse: a time for which the lease had run out, and changes may have gone unrecorded.</summary>
    public required long Lapse { get; init; }

    /// <summary>The epoch second until which changes are recorded.</summary>
    public required long Lease { get; init; }

    /// <summary>How many caches are registered, this one included.</summary>
    public required long Consumers { get; init; }

    /// <summary>What the changes stand on, as far as that is cheap to look at; null where it was not looked at.</summary>
    public required Footprint? Footprint { get; init; }

    /// <summary>All that the changes stand on; null where it was not read.</summary>
    public Baseline? Baseline { get; init; }

    /// <summary>The server's clock after the snapshot was taken, in seconds since 1970.</summary>
    public required double ServerTime { get; init; }

    /// <summary>A table was truncated, or could not be read by its trigger: load afresh.</summary>
    public bool Truncated { get; init; }

    /// <summary>Whether some changes name transactions that are younger than they are themselves, such as a restore brings.</summary>
    public bool HasStrangeRows { get; init; }

    /// <summary>Whether some changes are of a table that is not counted: one that came and went since it was last looked.</summary>
    public bool HasRowsOfOtherTables { get; init; }

    /// <summary>The changes, each message once.</summary>
    public required IReadOnlyList<CountChange> Changes { get; init; }

    /// <summary>What is to be added to days, each day once.</summary>
    public IReadOnlyList<DayCounts> DayChanges { get; init; } = [];

    /// <summary>How many changes there were, as far as one did not undo another; where some were found, at least one.</summary>
    public long CountChanges()
    {
        var sum = 0L;
        foreach (var change in Changes)
        {
            sum += Math.Max(1, Math.Abs(change.Retweets) + Math.Abs(change.Likes));
        }

        return sum;
    }
}
