namespace CacheService.LoadTests.Contenders;

/// <summary>The cache's trigger on inserted activity without what it does for the days: so that it can be told what that costs.</summary>
internal static class WithoutDays
{
    // The text is registered as the one that is meant to be there: else the service would call it drift.
    public const string SetUpSql =
        """
        do $do$
        declare
            before text := pg_get_functiondef('twcache.activity_inserted()'::regprocedure);
            after  text := replace(replace(before, 'twcache.as_time(r.datetime),', 'null::pg_catalog.timestamptz,'),
                                   'twcache.slot_of(twcache.as_time(r.datetime)) as slot', 'null::pg_catalog.timestamptz as slot');
        begin
            if after = before or after like '%as_time%' then
                raise exception 'the trigger does something else for the days';
            end if;
            execute after;
            perform twcache.note_definitions();
        end
        $do$
        """;
}
