namespace CacheService.LoadTests.Contenders;

/// <summary>A table of counts by message that a row trigger keeps: the usual answer to slow aggregates.</summary>
internal static class SummaryTable
{
    public const string CreateSql =
        """
        create schema if not exists loadtest;
        create table loadtest.summary (messageid bigint primary key, rts bigint not null, favs bigint not null);
        insert into loadtest.summary select messageid, rts, favs from tweet.message_with_counters;

        create function loadtest.keep_summary() returns trigger language plpgsql as $$
        begin
            insert into loadtest.summary as s (messageid, rts, favs)
            values (new.messageid,
                    case new.action when 'rt' then 1 when 'de-rt' then -1 else 0 end,
                    case new.action when 'fav' then 1 when 'de-fav' then -1 else 0 end)
            on conflict (messageid) do update set rts = s.rts + excluded.rts, favs = s.favs + excluded.favs;
            return null;
        end
        $$;
        create trigger keep_summary after insert on tweet.activity for each row execute function loadtest.keep_summary();
        """;

    public const string ReadSql = "select rts, favs from loadtest.summary where messageid = $1";

    public const string ReadManySql = "select messageid, rts, favs from loadtest.summary where messageid = any ($1)";
}
