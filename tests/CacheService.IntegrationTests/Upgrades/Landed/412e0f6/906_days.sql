-- Which day an activity is of.
begin isolation level read committed read write;
set local statement_timeout = 0;
select twcache.start_file('906_days.sql', 1);

-- The value of a column datetime, of whatever type it is; null where it tells no time. Without a time zone it is taken as UTC.
create or replace function twcache.as_time(timestamptz) returns timestamptz language sql immutable as 'select $1';
create or replace function twcache.as_time(timestamp)   returns timestamptz language sql immutable as $$select pg_catalog.timezone('UTC', $1)$$;
create or replace function twcache.as_time(date)        returns timestamptz language sql immutable as 'select null::pg_catalog.timestamptz';
create or replace function twcache.as_time(anyelement)  returns timestamptz language sql immutable as 'select null::pg_catalog.timestamptz';

-- The same of a row: JSON has a time as ISO 8601, with the zone's offset where the column has a time zone. Text that only looks like one tells no time.
create or replace function twcache.time_of(row_json jsonb) returns timestamptz
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
    value text := row_json ->> 'datetime';
begin
    if value ~ '^\d{4,6}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?$' then
        return timezone('UTC', value::timestamp);
    elsif value ~ '^\d{4,6}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?[-+]\d\d(:\d\d){0,2}$' then
        return value::timestamptz;
    end if;
    return null;
exception
    when data_exception then
        return null;
end
$$;

-- What stands for a time where changes are summed: all of a slot are of the same day, in every time zone. From 2012 on all days begin and end at multiples of
-- five minutes. Before, clocks in Newfoundland and New Brunswick were set back a minute after midnight, to the day before.
create or replace function twcache.slot_of(datetime timestamptz) returns timestamptz
language sql immutable as $$
    select case when datetime operator(pg_catalog.>=) '2012-01-01Z' and datetime operator(pg_catalog.<) '9999-12-31Z'
                then pg_catalog.date_bin('5 minutes', datetime, '2000-01-01Z') else datetime end
$$;

-- The day of a time; null for one so far away that in some zone it is of no year from 1 to 9999.
create or replace function twcache.day_of(datetime timestamptz, zone text) returns date
language sql stable as $$
    select case when datetime operator(pg_catalog.>=) '0001-01-02Z' and datetime operator(pg_catalog.<) '9999-12-31Z' then pg_catalog.timezone(zone, datetime)::pg_catalog.date end
$$;

-- Whether the activity has times.
create or replace function twcache.keeps_days() returns bool
language sql stable set search_path = pg_catalog, pg_temp as $$
    select exists (
        select
          from pg_attribute a
          join pg_type d on d.oid = a.atttypid
         where a.attrelid = to_regclass('tweet.activity') and a.attname = 'datetime' and not a.attisdropped
           and coalesce(nullif(d.typbasetype, 0), d.oid) in ('timestamptz'::regtype, 'timestamp'::regtype))
$$;

-- The time zone of the days that are written back.
create or replace function twcache.day_zone() returns text
language sql stable security definer set search_path = pg_catalog, pg_temp set row_security = off as $$
    select zone from twcache.day_zone
$$;

-- Another time zone has everything counted afresh at the next rollup.
create or replace function twcache.set_day_zone(zone text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp set row_security = off as $$
begin
    if not exists (select from pg_timezone_names z where z.name = set_day_zone.zone and z.name !~ '^(right|posix)/|^posixrules$|^localtime$') then
        raise exception 'time zone "%" is not known to this server: select name from pg_timezone_names', zone using errcode = 'invalid_parameter_value';
    end if;
    if zone is distinct from (select z.zone from twcache.day_zone z) then
        -- The rollup first: one that is at work holds its row.
        delete from twcache.rollup;
        insert into twcache.day_zone as z (zone) values (set_day_zone.zone) on conflict (singleton) do update set zone = excluded.zone;
    end if;
end
$$;

revoke execute on function twcache.as_time(timestamptz), twcache.as_time(timestamp), twcache.as_time(date), twcache.as_time(anyelement), twcache.time_of(jsonb), twcache.slot_of(timestamptz),
    twcache.day_of(timestamptz, text), twcache.keeps_days(), twcache.day_zone(), twcache.set_day_zone(text) from public;

select twcache.finish_file('906_days.sql', 1);
commit;
