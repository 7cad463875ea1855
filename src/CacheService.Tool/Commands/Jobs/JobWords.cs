using System.Globalization;
using CacheService.Client.Jobs;
using CacheService.Tool.Output;
using Spectre.Console;

namespace CacheService.Tool.Commands.Jobs;

/// <summary>How jobs and runs are shown.</summary>
internal static class JobWords
{
    /// <summary>A table of words.</summary>
    public static Table Table(params string[] columns)
    {
        var table = new Table().Border(TableBorder.Simple);
        foreach (var column in columns)
            table.AddColumn(new TableColumn($"[grey]{column}[/]"));
        return table;
    }

    public static string State(JobRun run) => run.State.ToString().ToLowerInvariant();

    public static string Schedule(Job job) => job.Schedule.Length == 0 ? "by hand" : job.TimeZone == "UTC" ? job.Schedule : $"{job.Schedule} ({job.TimeZone})";

    /// <summary>In UTC, because the service may be anywhere.</summary>
    public static string Time(DateTimeOffset? time) => time is null ? "" : time.Value.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    public static string Took(JobRun? run) => run is { StartedAt: { } began, EndedAt: { } ended } ? Durations.Format(ended - began) : "";

    public static string Numbers(JobRun run) => string.Join(", ", run.Numbers.OrderBy(number => number.Key, StringComparer.Ordinal).Select(number => string.Create(CultureInfo.InvariantCulture, $"{number.Key} {number.Value:N0}")));

    /// <summary>A run in a line.</summary>
    public static string Line(JobRun run)
    {
        var numbers = Numbers(run);
        var took = Took(run);
        return $"run {run.Id} of {run.Job}: {State(run)}{(run.IsDryRun ? " (dry run)" : "")}{(took.Length > 0 ? $" after {took}" : "")}{(run.Detail.Length > 0 ? $", {run.Detail}" : "")}{(numbers.Length > 0 ? $"; {numbers}" : "")}";
    }

    /// <summary>Whether it has not done what it was to do.</summary>
    public static bool HasFailed(JobRun run) => run.State is not (JobRunState.Running or JobRunState.Succeeded);
}
