namespace CacheService.Client.Jobs;

/// <summary>Work that servers do on a schedule or when somebody asks for it.</summary>
public sealed record Job
{
    /// <summary>What it is called.</summary>
    public required string Name { get; init; }

    /// <summary>What it does, in a line; empty where the server does not know it.</summary>
    public required string Description { get; init; }

    /// <summary>When it runs: a cron expression of five fields, or of six with seconds first; empty: only by hand.</summary>
    public required string Schedule { get; init; }

    /// <summary>The time zone in which the schedule is meant.</summary>
    public required string TimeZone { get; init; }

    /// <summary>What becomes of slots that were missed.</summary>
    public required MisfireRule Misfire { get; init; }

    /// <summary>What it is told by its schedule, and by hand where nothing else is said.</summary>
    public required IReadOnlyDictionary<string, string> Parameters { get; init; }

    /// <summary>What it can be told.</summary>
    public required IReadOnlyList<JobParameter> KnownParameters { get; init; }

    /// <summary>When it is due next; null: not by itself.</summary>
    public required DateTimeOffset? NextSlot { get; init; }

    /// <summary>Since when it is paused; null: it is not.</summary>
    public required DateTimeOffset? PausedAt { get; init; }

    /// <summary>Who paused it.</summary>
    public required string PausedBy { get; init; }

    /// <summary>Why.</summary>
    public required string PausedWhy { get; init; }

    /// <summary>The run that is under way, else the last one; null: none yet.</summary>
    public required JobRun? Run { get; init; }

    /// <summary>Why the server that answered does not run it, in words; empty: it does.</summary>
    public required string Problem { get; init; }

    /// <summary>Whether single items can be tried again.</summary>
    public required bool CanRetry { get; init; }
}

/// <summary>Something that a job can be told.</summary>
/// <param name="Name">Its name, such as older_than.</param>
/// <param name="Description">What it does.</param>
/// <param name="DefaultValue">Its value where nobody says another; empty: none.</param>
public sealed record JobParameter(string Name, string Description, string DefaultValue);
