using System.Globalization;
using System.Text;
using CacheService.Counts;
using CacheService.Feed;
using CacheService.Reading;
using Microsoft.Extensions.Options;

namespace CacheService.Jobs.BuiltIn;

/// <summary>Yesterday's counts as a text to read and a table to calculate with, both kept with the run. Yesterday is the day before the one on which the run was due.</summary>
internal sealed class DailyReport(CountsReader reader, IOptions<CountsOptions> counts) : Job
{
    private const int ComparedDays = 7;
    private const string DayFormat = "yyyy-MM-dd";

    public override string Name => "daily-report";

    public override string Description => "Reports yesterday's retweets and likes, beside the week before, as text and as CSV.";

    public override string? Schedule => "5 0 * * *";

    public override string TimeZone => counts.Value.TimeZone;

    public override Misfire Misfire => Misfire.All;

    public override async Task RunAsync(JobRun run)
    {
        var zone = TimeZoneInfo.FindSystemTimeZoneById(counts.Value.TimeZone);
        var yesterday = DateOnly.FromDateTime(TimeZoneInfo.ConvertTime(run.DueAt, zone).DateTime).AddDays(-1);
        var days = await ReadAsync(yesterday.AddDays(-ComparedDays), yesterday, run.Stopping);
        var (day, before) = (days[^1], days.SkipLast(1).ToList());
        await run.BatchAsync(batch =>
        {
            batch.Count("retweets", day.Retweets);
            batch.Count("undone_retweets", day.UndoneRetweets);
            batch.Count("likes", day.Likes);
            batch.Count("undone_likes", day.UndoneLikes);
            var text = Text(day, before);
            if (run.IsDryRun)
            {
                run.Log(text);
            }
            else
            {
                batch.Output($"{Show(yesterday)}.txt", "text/plain", text);
                batch.Output($"{Show(yesterday)}.csv", "text/csv", Csv(days));
            }

            return Task.CompletedTask;
        });
    }

    /// <summary>Each day of the range, also those on which nothing happened.</summary>
    private async Task<IReadOnlyList<DayCounts>> ReadAsync(DateOnly from, DateOnly to, CancellationToken stopping)
    {
        try
        {
            var reading = await reader.ReadDaysAsync(Show(from), Show(to), new ReadTerms(new ReadRequirement.Strong(), ReadDeadline.None, stopping));
            var known = reading.Days.ToDictionary(day => day.Day);
            return [.. Enumerable.Range(0, to.DayNumber - from.DayNumber + 1).Select(i => from.AddDays(i)).Select(day => known.GetValueOrDefault(day, new DayCounts { Day = day }))];
        }
        catch (ReadRefusedException e)
        {
            throw new JobFailedException(e.Message, e);
        }
    }

    private string Text(DayCounts day, List<DayCounts> before)
    {
        return string.Create(
            CultureInfo.InvariantCulture,
            $"""
            {Show(day.Day)} ({counts.Value.TimeZone})

            retweets  {day.Retweets,10:N0}   undone {day.UndoneRetweets,10:N0}   a day of the week before {before.Average(one => one.Retweets),10:N1}
            likes     {day.Likes,10:N0}   undone {day.UndoneLikes,10:N0}   a day of the week before {before.Average(one => one.Likes),10:N1}

            """);
    }

    private static string Csv(IReadOnlyList<DayCounts> days)
    {
        var csv = new StringBuilder("day,retweets,undone_retweets,likes,undone_likes\n");
        foreach (var day in days)
        {
            csv.Append(CultureInfo.InvariantCulture, $"{Show(day.Day)},{day.Retweets},{day.UndoneRetweets},{day.Likes},{day.UndoneLikes}\n");
        }

        return csv.ToString();
    }

    private static string Show(DateOnly day) => day.ToString(DayFormat, CultureInfo.InvariantCulture);
}
