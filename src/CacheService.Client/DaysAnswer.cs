namespace CacheService.Client;

/// <summary>What happened on each day of a range.</summary>
/// <param name="Days">By day, without those on which nothing happened.</param>
/// <param name="TimeZone">The IANA name of the time zone in which the days begin and end.</param>
/// <param name="Freshness">Which snapshot they are from.</param>
public sealed record DaysAnswer(IReadOnlyList<DayCounts> Days, string TimeZone, Freshness Freshness);
