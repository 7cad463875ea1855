namespace CacheService.Client.Jobs;

/// <summary>A run of a job, or slots that were skipped. All times are by the database's clock.</summary>
public sealed record JobRun
{
    /// <summary>Its number.</summary>
    public required long Id { get; init; }

    /// <summary>The job's name.</summary>
    public required string Job { get; init; }

    /// <summary>How it is, or has ended.</summary>
    public required JobRunState State { get; init; }

    /// <summary>Why it has not succeeded, in words.</summary>
    public required string Detail { get; init; }

    /// <summary>What made it begin: schedule, hand, resume, restart or retry.</summary>
    public required string Trigger { get; init; }

    /// <summary>The run that it resumes, restarts or retries; null: none.</summary>
    public required long? OfRun { get; init; }

    /// <summary>When it was due, by the schedule; null: it was not.</summary>
    public required DateTimeOffset? Slot { get; init; }

    /// <summary>Of a skipped one, the last slot that it stands for.</summary>
    public required DateTimeOffset? LastSlot { get; init; }

    /// <summary>Of a skipped one, how many slots it stands for; else 1.</summary>
    public required long Slots { get; init; }

    /// <summary>Who or what asked for it.</summary>
    public required string AskedBy { get; init; }

    /// <summary>What it was told beside what its job is told.</summary>
    public required IReadOnlyDictionary<string, string> Parameters { get; init; }

    /// <summary>Whether it only says what it would do.</summary>
    public required bool IsDryRun { get; init; }

    /// <summary>The server that ran it; empty: none.</summary>
    public required string Service { get; init; }

    /// <summary>When it began; null: it did not.</summary>
    public required DateTimeOffset? StartedAt { get; init; }

    /// <summary>When it ended; null: it has not.</summary>
    public required DateTimeOffset? EndedAt { get; init; }

    /// <summary>What it has done so far, in the job's own terms.</summary>
    public required IReadOnlyDictionary<string, long> Numbers { get; init; }

    /// <summary>How far it has got, in a form of the job's own; empty: nowhere.</summary>
    public required string Cursor { get; init; }
}
