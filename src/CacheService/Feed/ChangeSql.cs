namespace CacheService.Feed;

/// <summary>SQL over the change log.</summary>
internal static class ChangeSql
{
    /// <summary>What changes amount to: retweets, likes, and how often the message came less how often it went.</summary>
    public const string Sums =
        """
        sum(rts + case when action operator(pg_catalog.=) 'rt' then 1 when action operator(pg_catalog.=) 'de-rt' then -1 else 0 end)::bigint,
               sum(favs + case when action operator(pg_catalog.=) 'fav' then 1 when action operator(pg_catalog.=) 'de-fav' then -1 else 0 end)::bigint,
               sum(born)::bigint
        """;
}
