-- What a cache calls: register, renew, trim.
begin;
select pg_advisory_xact_lock(1951, 1);

-- Extends the lease to at least lease_seconds from now. Where it had lapsed,
-- writers may have gone unrecorded, and that is counted: no consumer registered
-- before may go on. The clock that decides is read after the lease is set: a
-- writer that found the old lease lapsed read the clock before that. A lapse that
-- is known before is counted before, since the lease stays set where this is
-- rolled back.
create or replace function twcache.extend_lease(lease_seconds int) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    old_lease bigint;
    lapsed    bool;
begin
    -- One at a time, so that the lease never moves back.
    perform pg_advisory_xact_lock(1951, 4);
    select last_value into old_lease from twcache.lease;
    lapsed := extract(epoch from clock_timestamp()) >= old_lease - 1;
    if lapsed then
        perform setval('twcache.lapse', last_value + 1) from twcache.lapse;
    end if;
    perform setval('twcache.lease', greatest(old_lease, ceil(extract(epoch from clock_timestamp()))::bigint + lease_seconds));
    if not lapsed and extract(epoch from clock_timestamp()) >= old_lease then
        perform setval('twcache.lapse', last_value + 1) from twcache.lapse;
    end if;
    insert into twcache.change_identity default values on conflict (singleton) do nothing;
end
$$;

-- Starts the lease and enters the consumer, not loaded yet, under a name that is
-- new: what is under way for an earlier registration must not touch this one.
-- recorded: some other consumer is loaded and the lease has held since, so that
-- every running transaction is recorded. Where it is false, the caller must wait
-- for the end of every transaction that began before the lease was set. Those are
-- the ones with an xid below that of a transaction that the caller begins after
-- this one: the xid of this one will not do, since setval takes it before it sets
-- the lease.
-- proven_until: the epoch second up to which the lease is known to hold.
create or replace function twcache.register(consumer_name text, lease_seconds int,
    out recorded bool, out proven_until bigint, out identity uuid)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform twcache.extend_lease(lease_seconds);
    -- Rows of transactions that this server has not begun: a dump brought them. Nobody can count them right.
    delete from twcache.change where xid >= pg_snapshot_xmax(pg_current_snapshot());
    delete from twcache.consumer where pg_snapshot_xmax(snapshot) > pg_snapshot_xmax(pg_current_snapshot());
    recorded := exists (select from twcache.consumer where loaded and name <> consumer_name and lapse = (select last_value from twcache.lapse));
    insert into twcache.consumer as c (name, snapshot, loaded, lapse, seen_at, expires_at)
        select consumer_name, pg_current_snapshot(), false, last_value, clock_timestamp(), clock_timestamp() + make_interval(secs => lease_seconds)
          from twcache.lapse;
    select last_value into proven_until from twcache.lease;
    select id into identity from twcache.change_identity;
end
$$;

-- Extends the lease, and notes how far the consumer has got (null: it has not
-- loaded yet). Answers the epoch second up to which the lease is known to hold
-- without a gap since the consumer registered; null: the consumer is registered
-- no longer, and must register and load afresh.
create or replace function twcache.renew(consumer_name text, reached pg_snapshot, lease_seconds int) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform twcache.extend_lease(lease_seconds);
    update twcache.consumer
       set snapshot = coalesce(reached, snapshot), loaded = loaded or reached is not null,
           seen_at = clock_timestamp(), expires_at = clock_timestamp() + make_interval(secs => lease_seconds)
     where name = consumer_name and lapse = (select last_value from twcache.lapse);
    if not found then
        return null;
    end if;
    return (select last_value from twcache.lease);
end
$$;

-- Drops consumers whose time is over, then deletes up to max_rows changes that
-- every consumer has passed. Answers how many it deleted; 0 also where another
-- session is trimming.
create or replace function twcache.trim(max_rows int) returns int
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    deleted int;
begin
    if not pg_try_advisory_xact_lock(1951, 5) then
        return 0;
    end if;
    delete from twcache.consumer
     where name in (select name from twcache.consumer where expires_at < clock_timestamp() for update skip locked);
    with passed as (
        select min(pg_snapshot_xmax(snapshot)) as xmax from twcache.consumer
    ), open as (
        select pg_snapshot_xip(snapshot) as xid from twcache.consumer
    )
    delete from twcache.change
     where ctid = any (array(
        select c.ctid
          from twcache.change c
         where c.xid < (select xmax from passed)
           and c.xid <> all (array(select xid from open))
         order by c.xid
         limit max_rows
           for update skip locked));
    get diagnostics deleted = row_count;
    return deleted;
end
$$;

revoke execute on all functions in schema twcache from public;

insert into twcache.schema_file (name) values ('004_consumers.sql') on conflict do nothing;
commit;
