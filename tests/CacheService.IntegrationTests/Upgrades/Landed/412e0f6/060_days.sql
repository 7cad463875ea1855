-- The counts of each day, as far as they are written back.
begin isolation level read committed read write;
set local statement_timeout = 0;
select twcache.start_file('060_days.sql', 1);

do $$
begin
    if to_regclass('twcache.daily_counters') is null then
        create table twcache.daily_counters (
            day     date primary key,
            rts     bigint not null,
            de_rts  bigint not null,  -- retweets undone
            favs    bigint not null,
            de_favs bigint not null
        ) with (fillfactor = 50);
    end if;

    -- Where the days of twcache.daily_counters begin and end.
    if to_regclass('twcache.day_zone') is null then
        create table twcache.day_zone (
            singleton bool primary key default true check (singleton),
            zone      text not null
        );
    end if;
    insert into twcache.day_zone (zone) values ('UTC') on conflict do nothing;
end
$$;

-- What was rolled up before there were days has none.
delete from twcache.rollup where (select count(*) from twcache.daily_counters) = 0;

select twcache.finish_file('060_days.sql', 1);
commit;
