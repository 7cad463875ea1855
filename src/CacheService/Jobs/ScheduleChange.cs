namespace CacheService.Jobs;

/// <summary>What is changed of when and how a job runs; null: that stays.</summary>
internal sealed record ScheduleChange
{
    /// <summary>A cron expression; empty: only by hand.</summary>
    public string? Schedule { get; init; }

    public string? TimeZone { get; init; }

    public Misfire? Misfire { get; init; }

    /// <summary>All that it is told from then on.</summary>
    public IReadOnlyDictionary<string, string>? Parameters { get; init; }

    /// <summary>In words, for whoever looks who changed what.</summary>
    public override string ToString() => string.Join(", ", ((string?[])
    [
        Schedule is null ? null : Schedule.Trim().Length == 0 ? "by hand only" : Schedule.Trim(),
        TimeZone is null ? null : $"time zone {TimeZone}",
        Misfire is null ? null : $"misfire {Misfire.Value.ToString().ToLowerInvariant()}",
        Parameters is null ? null : $"parameters {JsonMaps.Write(Parameters)}",
    ]).OfType<string>());
}
