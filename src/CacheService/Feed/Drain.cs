using CacheService.Counts;

namespace CacheService.Feed;

/// <summary>What one read of the change log found, all under one snapshot.</summary>
internal sealed class Drain
{
    /// <summary>A <see cref="TimeProvider"/> timestamp from before the drain began.</summary>
    public required long StartedAt { get; init; }

    /// <summary>The snapshot that the changes lead to.</summary>
    public required PgSnapshot Snapshot { get; init; }

    /// <summary>The change log's identity; null: it was emptied by a crash.</summary>
    public required Guid? Identity { get; init; }

    /// <summary>Whether the consumer is still registered, and the lease has held since.</summary>
    public required bool IsRegistered { get; init; }

    /// <summary>How many caches are registered, this one included.</summary>
    public required long Consumers { get; init; }

    /// <summary>Whether the change log has rows of transactions that the server has not begun, such as a dump brings.</summary>
    public required bool HasStrangeRows { get; init; }

    /// <summary>The server's clock after the snapshot was taken, in seconds since 1970.</summary>
    public required double ServerTime { get; init; }

    /// <summary>A table was truncated: load afresh.</summary>
    public required bool Truncated { get; init; }

    /// <summary>The changes, each message once.</summary>
    public required IReadOnlyList<CountChange> Changes { get; init; }
}
