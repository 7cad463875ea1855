namespace CacheService.LoadTests.Contenders;

/// <summary>The view's answer as of its last refresh: fast to read, and always behind.</summary>
internal static class MaterializedView
{
    public const string CreateSql =
        """
        create schema if not exists loadtest;
        create materialized view loadtest.counters as select messageid, rts, favs from tweet.message_with_counters;
        create unique index on loadtest.counters (messageid);
        """;

    public const string ReadSql = "select rts, favs from loadtest.counters where messageid = $1";
}
