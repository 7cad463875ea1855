namespace CacheService.Client.Jobs;

/// <summary>What is to be changed of when a job runs; null: that stays as it is.</summary>
public sealed record JobScheduleChange
{
    /// <summary>A cron expression of five fields, or of six with seconds first; empty: only by hand.</summary>
    public string? Schedule { get; init; }

    /// <summary>The time zone in which it is meant, such as Europe/Berlin.</summary>
    public string? TimeZone { get; init; }

    /// <summary>What becomes of slots that were missed.</summary>
    public MisfireRule? Misfire { get; init; }

    /// <summary>All that the job is told from then on, in place of what it was told.</summary>
    public IReadOnlyDictionary<string, string>? Parameters { get; init; }
}
