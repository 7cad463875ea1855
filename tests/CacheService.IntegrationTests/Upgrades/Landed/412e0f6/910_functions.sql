-- What a cache calls: register, renew, trim; and reload, for whoever distrusts the counts.
begin isolation level read committed read write;
set local statement_timeout = 0;
select twcache.start_file('910_functions.sql', 3);

-- Extends the lease to at least lease_seconds from now, an hour at most. Where it had lapsed,
-- writers may have gone unrecorded, and that is counted: no consumer registered
-- before may go on. The clock that decides is read after the lease is set: a
-- writer that found the old lease lapsed read the clock before that. A lapse that
-- is known before is counted before, since the lease stays set where this is
-- rolled back. Lapses have the numbers of their microseconds, so that none comes again after a restore of a dump, which sets the sequence back.
-- A lease that lies farther ahead than any that this function sets comes of a clock that was wrong,
-- and is brought back, because writers would record for nobody until then. Who relies on
-- the lease as it was is told by a lapse, which is counted before the lease is set.
create or replace function twcache.extend_lease(lease_seconds int) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp set row_security = off as $$
declare
    longest   constant int := 3600;
    seconds   int := least(greatest(coalesce(lease_seconds, 1), 1), longest);
    old_lease bigint;
    now_at    double precision;
    lapsed    bool;
begin
    -- One at a time, so that the lease never moves back behind the caller's.
    perform from twcache.mutex where name = 'lease' for update;
    if not found then
        insert into twcache.mutex (name) values ('lease') on conflict do nothing;
        perform from twcache.mutex where name = 'lease' for update;
    end if;
    select last_value into old_lease from twcache.lease;
    now_at := extract(epoch from clock_timestamp());
    lapsed := now_at >= old_lease - 1 or old_lease > now_at + 2 * longest;
    if lapsed then
        perform setval('twcache.lapse', greatest(last_value + 1, (1e6 * extract(epoch from clock_timestamp()))::bigint)) from twcache.lapse;
        old_lease := 0;
    end if;
    perform setval('twcache.lease', greatest(old_lease, ceil(extract(epoch from clock_timestamp()))::bigint + seconds));
    if not lapsed and extract(epoch from clock_timestamp()) >= old_lease then
        perform setval('twcache.lapse', greatest(last_value + 1, (1e6 * extract(epoch from clock_timestamp()))::bigint)) from twcache.lapse;
    end if;
    insert into twcache.change_identity default values on conflict (singleton) do nothing;
end
$$;

-- Extends the lease for a consumer, which writers may ring for as long.
create or replace function twcache.extend_consumers_lease(lease_seconds int) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp set row_security = off as $$
begin
    perform twcache.extend_lease(lease_seconds);
    -- Not back behind another consumer's, and not for ever where a clock was wrong.
    perform setval('twcache.listening', greatest(least(last_value, ceil(extract(epoch from twcache.expiry(3600)))::bigint), ceil(extract(epoch from twcache.expiry(lease_seconds)))::bigint))
       from twcache.listening;
end
$$;

-- How long a consumer is kept without a renewal.
create or replace function twcache.expiry(lease_seconds int) returns timestamptz
language sql volatile set search_path = pg_catalog, pg_temp as $$
    select clock_timestamp() + make_interval(secs => least(greatest(coalesce(lease_seconds, 1), 1), 3600))
$$;

-- Starts the lease and enters the consumer, not loaded yet, under a name that is
-- new: what is under way for an earlier registration must not touch this one.
-- Earlier registrations of the same instance are over ('': of no known instance).
-- recorded: some other consumer is loaded and the lease has held since, so that
-- every running transaction is recorded. Where it is false, the caller must wait
-- for the end of every transaction that began before the lease was set. Those are
-- the ones with an xid below that of a transaction that the caller begins after
-- this one: the xid of this one will not do, since setval takes it before it sets
-- the lease.
-- proven_until: the epoch second up to which the lease is known to hold.
-- log_forms: the forms of the log that the caller can read (twcache.log_form). It fails where this one is not among them, because
-- counts would be wrong.
create or replace function twcache.register(consumer_name text, consumer_instance text, lease_seconds int, log_forms text[],
    out recorded bool, out proven_until bigint, out identity uuid)
language plpgsql security definer set search_path = pg_catalog, pg_temp set row_security = off as $$
begin
    if twcache.log_form() <> all (log_forms) then
        raise exception 'this version of the service cannot read a log of form "%": run a later one, or as the owner of the tables: select * from twcache.set_log(''%'')', twcache.log_form(), log_forms[1]
            using errcode = 'object_not_in_prerequisite_state';
    end if;
    -- Not beside the files of sql/, which grant rights on the same table.
    perform pg_advisory_xact_lock_shared(1951, 1);
    perform twcache.extend_consumers_lease(lease_seconds);
    -- Rows of transactions that this server has not begun: a dump brought them. Nobody can count them right.
    delete from twcache.change where xid >= pg_snapshot_xmax(pg_current_snapshot());
    delete from twcache.consumer where pg_snapshot_xmax(snapshot) > pg_snapshot_xmax(pg_current_snapshot());
    -- The triggers' plans in all sessions are made anew, because a label of an action that has come back, or is another, changes none.
    execute format('grant select on twcache.change to %I', current_user);
    -- A dump may have brought rows of long ago, too.
    update twcache.mutex set passed = '0', in_progress = '{}' where name = 'trim' and passed <> '0';
    recorded := exists (select from twcache.consumer where loaded and name <> consumer_name and lapse = (select last_value from twcache.lapse));
    delete from twcache.consumer where instance = consumer_instance and instance <> '';
    insert into twcache.consumer (name, instance, snapshot, loaded, lapse, seen_at, expires_at)
        select consumer_name, consumer_instance, pg_current_snapshot(), false, last_value, clock_timestamp(), twcache.expiry(lease_seconds)
          from twcache.lapse;
    select last_value into proven_until from twcache.lease;
    select id into identity from twcache.change_identity;
end
$$;

-- The oldest transaction of this database that runs or is prepared and is older than another one, in words; null: none.
-- pg_locks shows every running transaction's id to everybody, but the database only of their sessions. It has only 32 bits of an id; age()
-- orders those. A session that is just ending is taken for one of this database. Since when it runs, only some may see. Not its statement: that is not
-- for everybody who may read counts.
create or replace function twcache.earlier_transaction(before xid8) returns text
language sql volatile set search_path = pg_catalog, pg_temp as $$
    select case when pid > 0 then format('waiting for an earlier transaction to end: pid %s%s (see pg_stat_activity)', pid, ', open for ' || round(open_for) || ' s')
                else format('waiting for a prepared transaction to end, prepared %s s ago (see pg_prepared_xacts)', round(open_for)) end
      from (select l.pid, extract(epoch from clock_timestamp() - a.xact_start) as open_for, age(l.transactionid) as age
              from pg_locks l left join pg_stat_activity a using (pid)
             where l.locktype = 'transactionid' and l.mode = 'ExclusiveLock' and l.granted and l.pid is not null
               and coalesce(a.datname, current_database()) = current_database()
             union all
            select 0, extract(epoch from clock_timestamp() - prepared), age(transaction)
              from pg_prepared_xacts
             where database = current_database()) as running
     where age > age(before::xid)
     order by age desc
     limit 1
$$;

-- Extends the lease, and notes how far the consumer has got (null: it has not loaded yet).
-- Renewals of a consumer have rising numbers: one that comes late, after one with a
-- higher number, changes nothing of the consumer and answers 0.
-- confirmed_number: the highest that was answered. A consumer with a lower one is that of an
-- earlier state of the database, which was put back.
-- is_waiting: the consumer has not begun to load, so that it needs no change that is visible now, and
-- nobody may rely on it.
-- Before it begins it has had the answer of a renewal that says so no longer, or has none under way.
-- Answers the epoch second up to which the lease is known to hold
-- without a gap since the consumer registered; null: the consumer is registered
-- no longer, and must register and load afresh.
create or replace function twcache.renew(consumer_name text, renewal_number bigint, confirmed_number bigint, reached pg_snapshot, is_waiting bool, lease_seconds int)
returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp set row_security = off as $$
begin
    perform twcache.extend_consumers_lease(lease_seconds);
    update twcache.consumer
       set snapshot = case when is_waiting then pg_current_snapshot() else coalesce(reached, snapshot) end,
           loaded = is_waiting is not true and (loaded or reached is not null),
           renewal = renewal_number,
           seen_at = clock_timestamp(), expires_at = twcache.expiry(lease_seconds)
     where name = consumer_name and lapse = (select last_value from twcache.lapse) and renewal < renewal_number and renewal >= confirmed_number;
    if not found then
        return (select 0 from twcache.consumer
                 where name = consumer_name and lapse = (select last_value from twcache.lapse) and renewal >= renewal_number);
    end if;
    return (select last_value from twcache.lease);
end
$$;

-- The same for services of earlier versions, whose renewals have no numbers, and which read a log of one form only.
create or replace function twcache.renew(consumer_name text, reached pg_snapshot, lease_seconds int) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp set row_security = off as $$
begin
    perform twcache.extend_consumers_lease(lease_seconds);
    update twcache.consumer
       set snapshot = coalesce(reached, snapshot), loaded = loaded or reached is not null,
           seen_at = clock_timestamp(), expires_at = twcache.expiry(lease_seconds)
     where name = consumer_name and lapse = (select last_value from twcache.lapse);
    if not found then
        return null;
    end if;
    return (select last_value from twcache.lease);
end
$$;

create or replace function twcache.register(consumer_name text, consumer_instance text, lease_seconds int,
    out recorded bool, out proven_until bigint, out identity uuid)
language sql security definer set search_path = pg_catalog, pg_temp as $$
    select recorded, proven_until, identity from twcache.register(consumer_name, consumer_instance, lease_seconds, '{change}')
$$;

create or replace function twcache.register(consumer_name text, lease_seconds int,
    out recorded bool, out proven_until bigint, out identity uuid)
language sql security definer set search_path = pg_catalog, pg_temp as $$
    select recorded, proven_until, identity from twcache.register(consumer_name, '', lease_seconds, '{change}')
$$;

-- Drops consumers whose time is over, and a rollup that is not kept or lacks changes, then deletes
-- up to max_rows changes that every consumer and the rollup have passed. Answers how many it
-- deleted; 0 also where another session is trimming.
-- It goes on where it ended, because the table and its index keep what is deleted until no snapshot
-- needs it, which an open transaction can put off for long: up to twcache.mutex.passed nothing is
-- left, but of the transactions in in_progress. Those it looks at one by one, once all have passed
-- them, and not before: the rows of an open bulk insert may be millions.
create or replace function twcache.trim(max_rows int) returns int
language plpgsql security definer set search_path = pg_catalog, pg_temp set row_security = off set enable_seqscan = off set jit = off as $$
declare
    done    record;
    reach   xid8;    -- what is below it, and not open in a snapshot that is kept, all have passed
    still   xid8[];  -- open in one of them
    last    xid8;
    deleted int;
    more    int;
begin
    select passed, in_progress into done from twcache.mutex where name = 'trim' for update skip locked;
    if not found then
        insert into twcache.mutex (name) values ('trim') on conflict do nothing;
        return 0;
    end if;
    delete from twcache.consumer
     where name in (select name from twcache.consumer where expires_at < clock_timestamp() for update skip locked);
    delete from twcache.rollup
     where singleton in (select singleton from twcache.rollup
                          where keep_until < clock_timestamp() or lapse <> (select last_value from twcache.lapse)
                            for update skip locked);

    with kept as materialized (
        select snapshot from twcache.consumer union all select snapshot from twcache.rollup
    )
    select (select pg_snapshot_xmax(snapshot) from kept order by 1 limit 1), array(select pg_snapshot_xip(snapshot) from kept) into reach, still;
    if reach is null then
        return 0;
    end if;

    delete from twcache.change
     where ctid = any (array(
        select ctid from twcache.change
         where xid = any (array(select ended from unnest(done.in_progress) as ended where ended < reach and ended <> all (still)))
         limit max_rows));
    get diagnostics deleted = row_count;
    if deleted = max_rows then
        return deleted;
    end if;

    -- Between those that are open, upwards.
    with bound as (
        select xid from unnest(still || reach) as open_or_end (xid) where xid > done.passed and xid <= reach
    ), gap as (
        select coalesce(lag(xid) over (order by xid), done.passed) as above, xid as below from (select distinct xid from bound) as bound
    ), gone as (
        delete from twcache.change
         where ctid = any (array(
            select c.ctid
              from gap, lateral (select ctid, xid from twcache.change where xid > gap.above and xid < gap.below order by xid limit max_rows - deleted) as c
             order by c.xid
             limit max_rows - deleted))
        returning xid
    )
    select (select xid from gone order by xid desc limit 1), (select count(*) from gone) into last, more;
    deleted := deleted + more;
    -- Of the last transaction there may be more where this was not all.
    reach := ((case when deleted < max_rows then reach else last end)::text::numeric - 1)::text::xid8;
    if reach >= done.passed then
        still := array(select distinct xid from unnest(still) as open_now (xid) where xid <= reach order by xid);
        update twcache.mutex set passed = reach, in_progress = still where name = 'trim' and (passed <> reach or in_progress <> still);
    end if;
    return deleted;
end
$$;

-- Has every cache load all counts afresh, from the tables: it finds another identity by its
-- next drain, registers, and loads. What was rolled up goes, so that no load starts from there; before the
-- identity, because a rollup that is at work holds its row, and then asks for the identity. Answers the new identity.
create or replace function twcache.reload() returns uuid
language sql security definer set search_path = pg_catalog, pg_temp set row_security = off as $$
    delete from twcache.rollup;
    insert into twcache.change_identity (id) values (gen_random_uuid())
        on conflict (singleton) do update set id = excluded.id
    returning id
$$;

revoke execute on all functions in schema twcache from public;
select twcache.finish_file('910_functions.sql', 3);
commit;
