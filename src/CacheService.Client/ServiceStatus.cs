namespace CacheService.Client;

/// <summary>How one server is doing.</summary>
public sealed record ServiceStatus
{
    /// <summary>The state of its feed.</summary>
    public required FeedState State { get; init; }

    /// <summary>Why the feed is not live, in words; empty when it is.</summary>
    public required string Detail { get; init; }

    /// <summary>Names the load of its cache; empty before the first.</summary>
    public required string Epoch { get; init; }

    /// <summary>Grows with every change that the cache takes over; compares only within an epoch.</summary>
    public required ulong Revision { get; init; }

    /// <summary>Everything committed longer ago than this is in the cache; null before the first load.</summary>
    public required TimeSpan? Age { get; init; }

    /// <summary>The pg_snapshot that the counts are taken from; empty before the first load.</summary>
    public required string Snapshot { get; init; }

    /// <summary>Messages in the cache.</summary>
    public required long Messages { get; init; }

    /// <summary>Open watches.</summary>
    public required long Watchers { get; init; }

    /// <summary>Reads of the change log since the server started.</summary>
    public required ulong Drains { get; init; }

    /// <summary>Notifications that woke it since it started.</summary>
    public required ulong Bells { get; init; }

    /// <summary>Whether a notification of the server's own came back.</summary>
    public required bool NotificationsWorking { get; init; }

    /// <summary>Whether this is the server that the writers' notifications wake.</summary>
    public required bool Ringer { get; init; }

    /// <summary>The used share of PostgreSQL's notification queue, 0 to 1.</summary>
    public required double NotificationQueueUsage { get; init; }

    /// <summary>The version of PostgreSQL.</summary>
    public required string ServerVersion { get; init; }

    /// <summary>Since the server started; null where it does not say.</summary>
    public required TimeSpan? Uptime { get; init; }

    /// <summary>Audits that came to their end since the server started.</summary>
    public required ulong Audits { get; init; }

    /// <summary>The messages that they found to differ from the database.</summary>
    public required ulong AuditDifferences { get; init; }

    /// <summary>When the last audit ended; null before the first.</summary>
    public required DateTimeOffset? LastAuditAt { get; init; }

    /// <summary>How long it took; null before the first.</summary>
    public required TimeSpan? LastAuditDuration { get; init; }

    /// <summary>How old the counts are that were written back to the database; null: there are none to be trusted.</summary>
    public required TimeSpan? RollupAge { get; init; }

    /// <summary>Why they are not written back, in words; empty: nothing keeps them from it.</summary>
    public required string RollupDetail { get; init; }

    /// <summary>How many days there are with activity.</summary>
    public long Days { get; init; }

    /// <summary>The time zone of the days; empty: the database does not tell the time of activity, or nothing is loaded yet.</summary>
    public string DayTimeZone { get; init; } = "";
}
