namespace CacheService.Client;

/// <summary>What an audit found: a comparison of all counts of one server with the database.</summary>
public sealed record AuditAnswer
{
    /// <summary>How many messages were compared.</summary>
    public required long Messages { get; init; }

    /// <summary>How many of them differed.</summary>
    public required long Differences { get; init; }

    /// <summary>How many of those were corrected. The rest, which changed unrecorded meanwhile, is left to the next audit.</summary>
    public required long Repaired { get; init; }

    /// <summary>The first thousand, by message id.</summary>
    public required IReadOnlyList<AuditDifference> FirstDifferences { get; init; }

    /// <summary>How long it took.</summary>
    public required TimeSpan Duration { get; init; }

    /// <summary>Which triggers are missing or disabled, in words; empty if none is.</summary>
    public required string TriggersWarning { get; init; }

    /// <summary>How many messages could not be compared, because the count of their activity took longer than the service allows.</summary>
    public long Uncompared { get; init; }

    /// <summary>The first thousand of those, by message id.</summary>
    public IReadOnlyList<long> FirstUncompared { get; init; } = [];

    /// <summary>How many days were compared.</summary>
    public long Days { get; init; }

    /// <summary>How many of them differed, and were corrected.</summary>
    public long DayDifferences { get; init; }

    /// <summary>Why the days could not be compared, in words; empty if they could, or if there are none.</summary>
    public string DaysUncompared { get; init; } = "";

    /// <summary>As of the end of the audit.</summary>
    public required Freshness Freshness { get; init; }
}
