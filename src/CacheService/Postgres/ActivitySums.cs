namespace CacheService.Postgres;

/// <summary>How the rows of <c>tweet.activity</c> add up to counts, in SQL.</summary>
internal static class ActivitySums
{
    /// <summary>The columns <c>rts</c> and <c>favs</c> of the rows of a group.</summary>
    /// <param name="action">The action; <c>action::text</c> where its labels may be of another type than <c>tweet.action_t</c>, or be others.</param>
    public static string Columns(string action = "action") =>
        $"""
        count(*) filter (where {action} = 'rt')  - count(*) filter (where {action} = 'de-rt')  as rts,
        count(*) filter (where {action} = 'fav') - count(*) filter (where {action} = 'de-fav') as favs
        """;
}
