using Npgsql;

namespace CacheService.Jobs;

/// <summary>A run as the database has it: a row of <c>twjobs.run</c>.</summary>
internal sealed record RunRow
{
    /// <summary>The columns that <see cref="Read"/> reads, of a table named <c>r</c> and its job <c>j</c>.</summary>
    public const string Columns =
        """
        r.runid, r.jobid, j.name, r.state, r.detail, r.trigger, r.of_run, r.slot, r.last_slot, r.slots, r.asked_by, r.parameters, r.dry_run, r.retry_items, r.service, r.backend,
        r.started_at, r.ended_at, r.cursor, r.numbers, r.stop, r.stop_by, r.losses, r.wants_resume
        """;

    public required long Id { get; init; }

    public required int JobId { get; init; }

    public required string Job { get; init; }

    public required RunState State { get; init; }

    /// <summary>Why it is not <see cref="RunState.Succeeded"/>, in words.</summary>
    public string Detail { get; init; } = "";

    public required RunTrigger Trigger { get; init; }

    /// <summary>The run that it resumes, restarts or retries.</summary>
    public long? OfRun { get; init; }

    /// <summary>When it was due; of a skipped one the first time.</summary>
    public DateTimeOffset? Slot { get; init; }

    /// <summary>Of a skipped one the last time.</summary>
    public DateTimeOffset? LastSlot { get; init; }

    /// <summary>For how many slots a skipped one stands.</summary>
    public long Slots { get; init; } = 1;

    /// <summary>Who or what asked for it.</summary>
    public required string AskedBy { get; init; }

    public IReadOnlyDictionary<string, string> Parameters { get; init; } = new Dictionary<string, string>();

    public bool IsDryRun { get; init; }

    /// <summary>Of <see cref="RunTrigger.Retry"/>: the keys of the items.</summary>
    public IReadOnlyList<string> RetryItems { get; init; } = [];

    /// <summary>The service that ran it.</summary>
    public string Service { get; init; } = "";

    /// <summary>The database's process in which it worked.</summary>
    public int Backend { get; init; }

    public DateTimeOffset? StartedAt { get; init; }

    public DateTimeOffset? EndedAt { get; init; }

    /// <summary>How far it has got.</summary>
    public string? Cursor { get; init; }

    public IReadOnlyDictionary<string, long> Numbers { get; init; } = new Dictionary<string, long>();

    /// <summary>What it was told to do.</summary>
    public StopKind? Stop { get; init; }

    public string StopBy { get; init; } = "";

    /// <summary>How often in a row a run was lost before it had done anything.</summary>
    public int Losses { get; init; }

    /// <summary>Whether it is to be resumed, by whoever is free.</summary>
    public bool WantsResume { get; init; }

    /// <summary>Reads <see cref="Columns"/>.</summary>
    /// <param name="reader">At a row.</param>
    /// <param name="first">Where they begin.</param>
    public static RunRow Read(NpgsqlDataReader reader, int first = 0) => new()
    {
        Id = reader.GetInt64(first),
        JobId = reader.GetInt32(first + 1),
        Job = reader.GetString(first + 2),
        State = Enum.Parse<RunState>(reader.GetString(first + 3), ignoreCase: true),
        Detail = reader.GetString(first + 4),
        Trigger = Enum.Parse<RunTrigger>(reader.GetString(first + 5), ignoreCase: true),
        OfRun = reader.IsDBNull(first + 6) ? null : reader.GetInt64(first + 6),
        Slot = reader.TimeOrNull(first + 7),
        LastSlot = reader.TimeOrNull(first + 8),
        Slots = reader.GetInt64(first + 9),
        AskedBy = reader.GetString(first + 10),
        Parameters = JsonMaps.Texts(reader.GetString(first + 11)),
        IsDryRun = reader.GetBoolean(first + 12),
        RetryItems = reader.IsDBNull(first + 13) ? [] : reader.GetFieldValue<string[]>(first + 13),
        Service = reader.TextOrNull(first + 14) ?? "",
        Backend = reader.IsDBNull(first + 15) ? 0 : reader.GetInt32(first + 15),
        StartedAt = reader.TimeOrNull(first + 16),
        EndedAt = reader.TimeOrNull(first + 17),
        Cursor = reader.TextOrNull(first + 18),
        Numbers = JsonMaps.Numbers(reader.GetString(first + 19)),
        Stop = reader.IsDBNull(first + 20) ? null : Enum.Parse<StopKind>(reader.GetString(first + 20), ignoreCase: true),
        StopBy = reader.TextOrNull(first + 21) ?? "",
        Losses = reader.GetInt32(first + 22),
        WantsResume = reader.GetBoolean(first + 23),
    };
}
