-- The writers' side. Every trigger function first looks at the lease and, where
-- it has lapsed, does nothing: no cache needs the change. The clock is read before
-- the lease (operands are evaluated from the left): a lease that is renewed in
-- between is seen. Last it rings: a
-- cache that sleeps holds ASLEEP exclusively, so that the shared lock cannot be
-- had and the notification goes out at commit. Where the lock can be had, the
-- cache is awake, drains again, and cannot fall asleep before this transaction
-- has ended.
begin;
select pg_advisory_xact_lock(1951, 1);
-- Creating triggers waits for the tables' writers and holds up the next ones.
set local lock_timeout = '3s';

create or replace function twcache.record_activity_insert() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if extract(epoch from clock_timestamp()) > (select last_value from twcache.lease) then
        return null;
    end if;
    insert into twcache.change (messageid, rts, favs)
    select messageid,
           count(*) filter (where action = 'rt')  - count(*) filter (where action = 'de-rt'),
           count(*) filter (where action = 'fav') - count(*) filter (where action = 'de-fav')
      from new_rows
     group by messageid;
    if found and not pg_try_advisory_xact_lock_shared(1951, 2) then
        perform pg_notify('twcache', '');
    end if;
    return null;
end
$$;

create or replace function twcache.record_activity_delete() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if extract(epoch from clock_timestamp()) > (select last_value from twcache.lease) then
        return null;
    end if;
    insert into twcache.change (messageid, rts, favs)
    select messageid,
           count(*) filter (where action = 'de-rt')  - count(*) filter (where action = 'rt'),
           count(*) filter (where action = 'de-fav') - count(*) filter (where action = 'fav')
      from old_rows
     group by messageid;
    if found and not pg_try_advisory_xact_lock_shared(1951, 2) then
        perform pg_notify('twcache', '');
    end if;
    return null;
end
$$;

-- An update may move an activity to another message, or change its action.
create or replace function twcache.record_activity_update() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if extract(epoch from clock_timestamp()) > (select last_value from twcache.lease) then
        return null;
    end if;
    insert into twcache.change (messageid, rts, favs)
    select messageid, rts, favs
      from (select messageid,
                   sum(sign) filter (where action = 'rt')  as rt,  sum(sign) filter (where action = 'de-rt')  as de_rt,
                   sum(sign) filter (where action = 'fav') as fav, sum(sign) filter (where action = 'de-fav') as de_fav
              from (select messageid, action, 1 as sign from new_rows
                    union all
                    select messageid, action, -1 from old_rows) both_rows
             group by messageid) per_message,
           lateral (select coalesce(rt, 0) - coalesce(de_rt, 0) as rts, coalesce(fav, 0) - coalesce(de_fav, 0) as favs) net
     where rts <> 0 or favs <> 0;
    if found and not pg_try_advisory_xact_lock_shared(1951, 2) then
        perform pg_notify('twcache', '');
    end if;
    return null;
end
$$;

create or replace function twcache.record_message_insert() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if extract(epoch from clock_timestamp()) > (select last_value from twcache.lease) then
        return null;
    end if;
    insert into twcache.change (messageid, born) select messageid, 1 from new_rows;
    if found and not pg_try_advisory_xact_lock_shared(1951, 2) then
        perform pg_notify('twcache', '');
    end if;
    return null;
end
$$;

create or replace function twcache.record_message_delete() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if extract(epoch from clock_timestamp()) > (select last_value from twcache.lease) then
        return null;
    end if;
    insert into twcache.change (messageid, born) select messageid, -1 from old_rows;
    if found and not pg_try_advisory_xact_lock_shared(1951, 2) then
        perform pg_notify('twcache', '');
    end if;
    return null;
end
$$;

-- A changed key is a message that goes and one that comes; the foreign key's
-- cascade moves the activity, by the trigger above.
create or replace function twcache.record_message_key() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if extract(epoch from clock_timestamp()) > (select last_value from twcache.lease) then
        return null;
    end if;
    insert into twcache.change (messageid, born) values (old.messageid, -1), (new.messageid, 1);
    if not pg_try_advisory_xact_lock_shared(1951, 2) then
        perform pg_notify('twcache', '');
    end if;
    return null;
end
$$;

create or replace function twcache.record_truncate() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if extract(epoch from clock_timestamp()) > (select last_value from twcache.lease) then
        return null;
    end if;
    insert into twcache.change (messageid) values (null);
    if not pg_try_advisory_xact_lock_shared(1951, 2) then
        perform pg_notify('twcache', '');
    end if;
    return null;
end
$$;

revoke execute on all functions in schema twcache from public;

create or replace trigger twcache_activity_insert after insert on tweet.activity
    referencing new table as new_rows for each statement execute function twcache.record_activity_insert();
create or replace trigger twcache_activity_delete after delete on tweet.activity
    referencing old table as old_rows for each statement execute function twcache.record_activity_delete();
create or replace trigger twcache_activity_update after update on tweet.activity
    referencing old table as old_rows new table as new_rows for each statement execute function twcache.record_activity_update();
create or replace trigger twcache_activity_truncate after truncate on tweet.activity
    for each statement execute function twcache.record_truncate();

create or replace trigger twcache_message_insert after insert on tweet.message
    referencing new table as new_rows for each statement execute function twcache.record_message_insert();
create or replace trigger twcache_message_delete after delete on tweet.message
    referencing old table as old_rows for each statement execute function twcache.record_message_delete();
create or replace trigger twcache_message_key after update on tweet.message
    for each row when (old.messageid is distinct from new.messageid) execute function twcache.record_message_key();
create or replace trigger twcache_message_truncate after truncate on tweet.message
    for each statement execute function twcache.record_truncate();

insert into twcache.schema_file (name) values ('005_triggers.sql') on conflict do nothing;
commit;
