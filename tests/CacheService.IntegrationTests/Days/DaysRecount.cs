using System.Globalization;
using CacheService.IntegrationTests.Infrastructure;
using Npgsql;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Days;

/// <summary>Holds the days that the service lists against a count of the tables.</summary>
internal static class DaysRecount
{
    /// <summary>Asserts that a strong read of all days equals a count. Nobody may write meanwhile.</summary>
    /// <param name="service">The service.</param>
    /// <param name="database">Its database.</param>
    /// <param name="zone">The time zone that the service counts days in.</param>
    /// <param name="when">For the failure.</param>
    public static async Task AssertDaysEqualRecountAsync(this RunningService service, ITestDatabase database, string zone = "UTC", string when = "")
    {
        var expected = await database.RecountDaysAsync(zone);
        var listed = await service.Client.ListDailyCountsAsync(new ListDailyCountsRequest { Read = new ReadOptions { Strong = true } });
        Assert.That(listed.Days.Select(Show), Is.EqualTo(expected), $"the days differ from a count {when}");
        Assert.That(listed.TimeZone, Is.EqualTo(zone));
        Assert.That(listed.Freshness.State, Is.EqualTo(FeedState.Live));
    }

    /// <summary>The truth: what the tables say of each day, as <see cref="Show"/> shows it. A timestamp without time zone is taken as UTC; the first and the last day of the calendar are no days, because in some zone they lie outside of it.</summary>
    public static async Task<IReadOnlyList<string>> RecountDaysAsync(this ITestDatabase database, string zone)
    {
        await using var connection = await database.OpenAsync();
        // The types of whoever made the table, domains among them.
        var hasZone = await connection.QueryAsync<bool>(
            "select coalesce(nullif(typbasetype, 0), t.oid) = 'timestamptz'::regtype from pg_attribute a join pg_type t on t.oid = atttypid where attrelid = 'tweet.activity'::regclass and attname = 'datetime'");
        var moment = hasZone ? "datetime" : "(datetime at time zone 'UTC')";
        await using var command = new NpgsqlCommand(
            $"""
            select day, count(*) filter (where action = 'rt'), count(*) filter (where action = 'de-rt'), count(*) filter (where action = 'fav'), count(*) filter (where action = 'de-fav')
              from (select ({moment} at time zone '{zone}')::date as day, action::text as action from tweet.activity where messageid is not null and {moment} >= '0001-01-02Z' and {moment} < '9999-12-31Z') as a
             where action in ('rt', 'de-rt', 'fav', 'de-fav')
             group by day
             order by day
            """,
            connection);
        await using var reader = await command.ExecuteReaderAsync();
        var days = new List<string>();
        while (await reader.ReadAsync())
        {
            days.Add(Show(new DailyCounts
            {
                Day = (await reader.GetFieldValueAsync<DateOnly>(0)).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
                Retweets = reader.GetInt64(1),
                UndoneRetweets = reader.GetInt64(2),
                Likes = reader.GetInt64(3),
                UndoneLikes = reader.GetInt64(4),
            }));
        }

        return days;
    }

    /// <summary>A day with retweets/undone ones/likes/undone ones.</summary>
    public static string Show(DailyCounts day) => $"{day.Day} {day.Retweets}/{day.UndoneRetweets}/{day.Likes}/{day.UndoneLikes}";
}
