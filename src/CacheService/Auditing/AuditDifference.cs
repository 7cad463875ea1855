using CacheService.Counts;

namespace CacheService.Auditing;

/// <summary>A message whose counts in the cache are not those of the database.</summary>
/// <param name="MessageId">The message.</param>
/// <param name="Expected">What the database has; null: there is no such message.</param>
/// <param name="Actual">What the cache had; null: it knew no such message.</param>
internal readonly record struct AuditDifference(long MessageId, AuditedCounts? Expected, AuditedCounts? Actual)
{
    /// <summary>What has to be added to the cache's counts.</summary>
    public CountChange Correction
    {
        get
        {
            var (expected, actual) = (Expected.GetValueOrDefault(), Actual.GetValueOrDefault());
            return new CountChange(
                MessageId, expected.Retweets - actual.Retweets, expected.Likes - actual.Likes, (Expected is null ? 0 : 1) - (Actual is null ? 0 : 1));
        }
    }

    /// <summary>The message with retweets/likes, as in a log.</summary>
    public override string ToString() => $"{MessageId} has {Show(Actual)} instead of {Show(Expected)}";

    private static string Show(AuditedCounts? counts) => counts?.ToString() ?? "nothing";
}

/// <summary>A message's counts, as an audit compares them.</summary>
internal readonly record struct AuditedCounts(long Retweets, long Likes)
{
    /// <summary>Retweets and likes, with a slash between.</summary>
    public override string ToString() => $"{Retweets}/{Likes}";
}
