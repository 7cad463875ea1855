using CacheService.Postgres;

namespace CacheService.LoadTests.Contenders;

/// <summary>The application's tables, and its view, as they are without a cache.</summary>
internal static class PlainTables
{
    public static readonly string AggregateSql =
        $"""
        select {ActivitySums.Columns()}
          from tweet.activity
         where messageid = $1
        """;

    public const string ViewSql = "select rts, favs from tweet.message_with_counters where messageid = $1";

    /// <summary>What all contenders begin with: no trigger of the cache's.</summary>
    public const string WithoutTriggersSql =
        """
        do $$
        declare
            t record;
        begin
            for t in select tgname, tgrelid::regclass as relation from pg_trigger where tgname like 'twcache_%' loop
                execute format('drop trigger %I on %s', t.tgname, t.relation);
            end loop;
        end
        $$
        """;
}
