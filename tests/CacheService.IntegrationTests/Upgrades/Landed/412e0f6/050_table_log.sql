-- What the log of changes needs so that the activity table can be its own log of what is inserted (twcache.set_log), and what the days need.
begin isolation level read committed read write;
set local statement_timeout = 0;
select twcache.start_file('050_table_log.sql', 1);

-- old_xid: of an update's or a deletion's row, the transaction that inserted the activity. Whoever has not counted that one has not counted the row.
-- de_rts, de_favs: how many of rts and favs were undone (null: as many as they are below zero); datetime: when that was.
do $$
begin
    if (select count(*) from pg_attribute where attrelid = 'twcache.change'::regclass and attname in ('old_xid', 'de_rts', 'de_favs', 'datetime') and not attisdropped) < 4 then
        -- The writers hold locks on their own tables before they come to the log.
        lock table tweet.message, tweet.activity in share row exclusive mode;
        alter table twcache.change
            add column if not exists old_xid xid8,
            add column if not exists de_rts bigint,
            add column if not exists de_favs bigint,
            add column if not exists datetime timestamptz;
    end if;
end
$$;

select twcache.finish_file('050_table_log.sql', 1);
commit;
