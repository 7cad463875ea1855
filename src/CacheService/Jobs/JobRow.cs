using Npgsql;

namespace CacheService.Jobs;

/// <summary>A job as the database has it: a row of <c>twjobs.job</c>.</summary>
internal sealed record JobRow(
    int Id, string Name, string? Schedule, string TimeZone, Misfire Misfire, IReadOnlyDictionary<string, string> Parameters, DateTimeOffset SlotsUntil, DateTimeOffset? PausedAt, string PausedBy, string PausedWhy)
{
    /// <summary>The columns that <see cref="Read"/> reads, of a table named <c>j</c>.</summary>
    public const string Columns = "j.jobid, j.name, j.schedule, j.time_zone, j.misfire, j.parameters, j.slots_until, j.paused_at, coalesce(j.paused_by, ''), coalesce(j.paused_why, '')";

    /// <summary>How many columns that are.</summary>
    public const int ColumnCount = 10;

    private static readonly TimeSpan FarAhead = TimeSpan.FromHours(2);

    /// <summary>Whether nothing of it starts.</summary>
    public bool IsPaused => PausedAt is not null;

    /// <summary>Why nothing of it starts, in words.</summary>
    public string PausedWords => $"paused by {PausedBy}{(PausedWhy.Length > 0 ? $": {PausedWhy}" : "")}";

    /// <summary>After which instant slots have not been dealt with. Where the clock was far ahead for a while, and is not any more, from now on: what was run then has its row.</summary>
    public DateTimeOffset SlotsAfter(DateTimeOffset now) => SlotsUntil - now > FarAhead ? now : SlotsUntil;

    /// <summary>Reads a row that begins with <see cref="Columns"/>.</summary>
    public static JobRow Read(NpgsqlDataReader reader) => new(
        reader.GetInt32(0),
        reader.GetString(1),
        reader.TextOrNull(2),
        reader.GetString(3),
        Enum.Parse<Misfire>(reader.GetString(4), ignoreCase: true),
        JsonMaps.Texts(reader.GetString(5)),
        reader.Time(6),
        reader.TimeOrNull(7),
        reader.GetString(8),
        reader.GetString(9));

    /// <summary>The schedule; null: there is none.</summary>
    /// <exception cref="JobRefusedException">It cannot be read here.</exception>
    public JobSchedule? ParseSchedule() => Schedule is null ? null : JobSchedule.Parse(Schedule, TimeZone);
}
