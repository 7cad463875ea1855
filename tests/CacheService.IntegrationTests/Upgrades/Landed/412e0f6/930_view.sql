-- The view of the counts, where there is none. Messages without activity count as zero; an undoing
-- without its doing counts below zero.
begin isolation level read committed read write;
set local statement_timeout = 0;
select twcache.start_file('930_view.sql', 1);

do $$
declare
    more text := (select coalesce(string_agg(', m.' || quote_ident(attname), '' order by attnum), '')
                    from pg_attribute
                   where attrelid = 'tweet.message'::regclass and attname in ('location', 'lang', 'url') and not attisdropped);
begin
    if to_regclass('tweet.message_with_counters') is not null then
        return;
    end if;
    -- Where the key is the table's own, the rows are grouped by it. Elsewhere each message is counted by itself.
    if exists (select
                 from pg_constraint k
                 join pg_attribute a on a.attrelid = k.conrelid and k.conkey = array[a.attnum]
                where k.conrelid = 'tweet.message'::regclass and k.contype = 'p' and a.attname = 'messageid') then
        execute format(
            $view$
            create view tweet.message_with_counters as
            select m.messageid, m.userid, m.datetime, m.message,
                   count(*) filter (where a.action = 'rt')  - count(*) filter (where a.action = 'de-rt')  as rts,
                   count(*) filter (where a.action = 'fav') - count(*) filter (where a.action = 'de-fav') as favs%s
              from tweet.message m
              left join tweet.activity a on a.messageid = m.messageid
             group by m.messageid
            $view$, more);
    else
        execute format(
            $view$
            create view tweet.message_with_counters as
            select m.messageid, m.userid, m.datetime, m.message, c.rts, c.favs%s
              from tweet.message m
             cross join lateral (
                select count(*) filter (where a.action = 'rt')  - count(*) filter (where a.action = 'de-rt')  as rts,
                       count(*) filter (where a.action = 'fav') - count(*) filter (where a.action = 'de-fav') as favs
                  from tweet.activity a
                 where a.messageid = m.messageid) c
            $view$, more);
    end if;
end
$$;

select twcache.finish_file('930_view.sql', 1);
commit;
