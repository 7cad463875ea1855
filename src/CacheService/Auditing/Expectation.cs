using CacheService.Counts;

namespace CacheService.Auditing;

/// <summary>What the counts of a message must be.</summary>
internal static class Expectation
{
    /// <summary>Adds what was recorded since to what was counted.</summary>
    /// <param name="counted">What the tables say; null: there is no such message.</param>
    /// <param name="since">What was recorded of it since.</param>
    /// <param name="expected">What follows; null: there must be no such message.</param>
    /// <returns>False: the two do not fit, as where something went unrecorded in between; nothing follows.</returns>
    public static bool TryAdd(AuditedCounts? counted, CountChange since, out AuditedCounts? expected)
    {
        var (retweets, likes) = counted.GetValueOrDefault();
        var presence = (counted is null ? 0 : 1) + since.Born;
        expected = presence == 1 ? new AuditedCounts(retweets + since.Retweets, likes + since.Likes) : null;
        return presence is 0 or 1;
    }
}
