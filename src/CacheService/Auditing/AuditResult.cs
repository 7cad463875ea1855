using CacheService.Counts;

namespace CacheService.Auditing;

/// <summary>What an audit found.</summary>
internal sealed record AuditResult
{
    /// <summary>How many of the differences are kept.</summary>
    public const int KeptDifferences = 1000;

    /// <summary>How many messages were compared.</summary>
    public required long Messages { get; init; }

    /// <summary>How many of them differed.</summary>
    public required long Differences { get; init; }

    /// <summary>How many of those were corrected.</summary>
    public required long Repaired { get; init; }

    /// <summary>The first differences, by message id.</summary>
    public required IReadOnlyList<AuditDifference> FirstDifferences { get; init; }

    /// <summary>How many messages could not be compared, because the count of their activity took too long.</summary>
    public required long Uncompared { get; init; }

    /// <summary>The first of those, by message id.</summary>
    public required IReadOnlyList<long> FirstUncompared { get; init; }

    /// <summary>How many days were compared.</summary>
    public required int Days { get; init; }

    /// <summary>How many of them differed, and were corrected.</summary>
    public required int DayDifferences { get; init; }

    /// <summary>Why the days could not be compared, in words; empty if they could, or if there are none.</summary>
    public required string DaysUncompared { get; init; }

    /// <summary>How long it took, pauses included.</summary>
    public required TimeSpan Duration { get; init; }

    /// <summary>The triggers that are missing or disabled, in words; empty if none is.</summary>
    public required string TriggersWarning { get; init; }

    /// <summary>What the store held at the end.</summary>
    public required CountsVersion Version { get; init; }
}

/// <summary>What is told of the audits since the service started.</summary>
/// <param name="Audits">How many came to their end.</param>
/// <param name="Differences">How many differences were found.</param>
/// <param name="LastEndedAt">When the last one ended; null before the first.</param>
/// <param name="LastDuration">How long the last one took.</param>
internal sealed record AuditSummary(long Audits, long Differences, DateTimeOffset? LastEndedAt, TimeSpan LastDuration);
