using CacheService.Counts;
using CacheService.Feed;
using CacheService.Postgres;
using Microsoft.Extensions.Options;

namespace CacheService.Auditing;

/// <summary>
/// Compares all days with the tables, exactly, while both change, and repairs what differs: as <see cref="RangeAudit"/> does for messages, but all at once, because
/// the activity of a day is spread over the table. That is one statement, which holds up nobody but who wants to truncate or alter the table.
/// </summary>
internal sealed class DaysAudit(AuditedFeed feed, PostgresConnections connections, IOptions<CountsOptions> counted, IOptions<AuditOptions> options)
{
    /// <summary>Compares and repairs.</summary>
    /// <exception cref="RangeNotComparedException">Nothing follows; try again.</exception>
    public Task<DaysComparison> CompareAsync(CancellationToken cancellationToken) => feed.HoldAsync(held => CompareAsync(held, cancellationToken));

    private async Task<DaysComparison> CompareAsync(HeldFeed held, CancellationToken cancellationToken)
    {
        if (held.Began.Days is null)
        {
            return new DaysComparison(0, [], Uncompared: "");
        }

        var maxTime = options.Value.MaxMessageTime;
        await using var connection = await connections.Pool.OpenConnectionAsync(cancellationToken);
        var database = new DaysRecountReader(connection, counted.Value.TimeZone);
        if (await database.RecountAsync(held.Consumer, maxTime, cancellationToken) is not var (snapshot, isOurs, days))
        {
            return new DaysComparison(0, [], $"the count of all activity took longer than {maxTime.TotalSeconds:F0} s; give it more time by Audit:MaxMessageTime");
        }

        if (!isOurs)
        {
            throw new RangeNotComparedException("the feed is not registered with the server that the audit asked");
        }

        await feed.WaitForDrainAsync(cancellationToken);
        var version = feed.RequireSame(held);
        var expected = Add(days, await database.ReadRecordedAsync(snapshot, version.Snapshot, cancellationToken));
        await feed.WaitForDrainAsync(cancellationToken);
        feed.RequireSame(held);

        var differences = FindDifferences(expected, version.Days!);
        if (differences.Count > 0)
        {
            await feed.RepairAsync(new Repair(version, [], [.. differences.Select(difference => difference.Expected.Minus(difference.Actual))]), cancellationToken);
        }

        return new DaysComparison(expected.Count, differences, Uncompared: "");
    }

    private static DailyCounts Add(DailyCounts counted, IReadOnlyList<DayCounts> since)
    {
        try
        {
            return counted.Add(since);
        }
        catch (InconsistentChangeException e)
        {
            throw new RangeNotComparedException($"activity changed unrecorded meanwhile: {e.Message}");
        }
    }

    private static List<DayDifference> FindDifferences(DailyCounts expected, DailyCounts actual)
    {
        var (database, cache) = (expected.All().ToDictionary(day => day.Day), actual.All().ToDictionary(day => day.Day));
        return
        [
            .. database.Keys.Union(cache.Keys).Order()
                .Select(day => new DayDifference(database.GetValueOrDefault(day, new DayCounts { Day = day }), cache.GetValueOrDefault(day, new DayCounts { Day = day })))
                .Where(day => day.Expected != day.Actual),
        ];
    }
}

/// <summary>What the comparison of all days found.</summary>
/// <param name="Days">How many days the database has.</param>
/// <param name="Differences">Those that differed, by day.</param>
/// <param name="Uncompared">Why they could not be compared, in words; empty if they could, or if there are none.</param>
internal sealed record DaysComparison(int Days, IReadOnlyList<DayDifference> Differences, string Uncompared);

/// <summary>A day whose counts in the cache are not those of the database.</summary>
internal readonly record struct DayDifference(DayCounts Expected, DayCounts Actual)
{
    /// <summary>The day with retweets/undone ones/likes/undone ones, as in a log.</summary>
    public override string ToString() => $"{Expected.Day:O} has {Show(Actual)} instead of {Show(Expected)}";

    private static string Show(DayCounts day) => $"{day.Retweets}/{day.UndoneRetweets}/{day.Likes}/{day.UndoneLikes}";
}
