namespace CacheService.Client;

/// <summary>What happened on each day of a range.</summary>
/// <param name="Days">By day, without those on which nothing happened.</param>
/// <param name="TimeZone">The IANA name of the time zone in which the days begin and end.</param>
/// <param name="Freshness">Which snapshot they are from.</param>
public sealed record DaysAnswer(IReadOnlyList<DayCounts> Days, string TimeZone, Freshness Freshness);

/// <summary>
/// What happened on one day, by the time of the activity itself. What was undone does not lessen the doings of its day, because both may lie on
/// different days.
/// </summary>
/// <param name="Day">The day, in the service's time zone for days.</param>
/// <param name="Retweets">Retweets.</param>
/// <param name="UndoneRetweets">Retweets that were undone.</param>
/// <param name="Likes">Likes.</param>
/// <param name="UndoneLikes">Likes that were undone.</param>
public sealed record DayCounts(DateOnly Day, long Retweets, long UndoneRetweets, long Likes, long UndoneLikes);
