-- The counts written back to the database, and who reads them by SQL.
begin isolation level read committed read write;
set local statement_timeout = 0;
select twcache.start_file('932_rollup.sql', 2);

-- The files of the counters and of the rollup's row: other ones are empty to older snapshots.
create or replace function twcache.rollup_files() returns oid[]
language sql stable set search_path = pg_catalog, pg_temp as $$
    select array[pg_relation_filenode('twcache.counters'), pg_relation_filenode('twcache.rollup'), pg_relation_filenode('twcache.daily_counters')]
$$;

-- What keeps the tables of the rollup from being what it needs, in words; null: nothing.
create or replace function twcache.rollup_obstacle() returns text
language sql stable set search_path = pg_catalog, pg_temp as $$
    select string_agg(format('%s %s', oid::regclass, case when relpersistence <> 'p' then 'does not survive a crash: alter table ' || oid::regclass || ' set logged'
                                                          else 'has row security, which hides rows: alter table ' || oid::regclass || ' disable row level security' end), '; ')
      from pg_class
     where oid in ('twcache.change'::regclass, 'twcache.counters'::regclass, 'twcache.rollup'::regclass, 'twcache.daily_counters'::regclass) and (relpersistence <> 'p' or relrowsecurity)
$$;

-- Whoever else writes to the counters, such as a restore of data, has the next rollup count afresh.
create or replace function twcache.counters_changed() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp set row_security = off as $$
begin
    delete from twcache.rollup where written_by <> pg_current_xact_id();
    return null;
end
$$;
create or replace trigger twcache_counters_changed after insert or update or delete or truncate on twcache.counters for each statement execute function twcache.counters_changed();
alter table twcache.counters enable always trigger twcache_counters_changed;
create or replace trigger twcache_counters_changed after insert or update or delete or truncate on twcache.daily_counters for each statement execute function twcache.counters_changed();
alter table twcache.daily_counters enable always trigger twcache_counters_changed;

-- Why rows cannot be told by their transactions, in words; null: they can. For the statement that asks, and its snapshot.
create or replace function twcache.foreign_rows() returns text
language sql stable security definer set search_path = pg_catalog, pg_temp set row_security = off set enable_seqscan = off set jit = off as $$
    select 'rows of tweet.activity have transaction ids of another server, as a restore brings them: as its owner run: select * from twcache.set_log(''table'')'
     where twcache.log_form() = 'table'
       and exists (select from twcache.recorded_changes()
                    where row_xid is null and xid >= pg_snapshot_xmin(pg_current_snapshot()) and not pg_visible_in_snapshot(xid, pg_current_snapshot()) and xid is distinct from pg_current_xact_id_if_assigned())
$$;

-- Why the counters and the changes since do not add up to the counts; null: they do. For the statement that asks, and its snapshot.
-- is_thorough: all that they stand on is looked at, and not only what is cheap.
create or replace function twcache.rollup_problem(is_thorough bool) returns text
language plpgsql stable security definer set search_path = pg_catalog, pg_temp set row_security = off set enable_seqscan = off set jit = off as $$
declare
    r record;
begin
    select rollup.*, xmin as row_xid into r from twcache.rollup;
    if r.singleton is null or not r.counted then
        return 'nothing was rolled up yet';
    elsif r.written_by::xid <> r.row_xid then
        return 'a restore has brought the rollup here';
    end if;
    -- The lease first: who finds it over and extends it counts the lapse before.
    if extract(epoch from clock_timestamp()) >= (select last_value - 1 from twcache.lease) then
        return 'changes went unrecorded since the last rollup';
    elsif r.lapse <> (select last_value from twcache.lapse) then
        return 'changes went unrecorded since the last rollup';
    elsif pg_snapshot_xmax(r.snapshot) > pg_snapshot_xmax(pg_current_snapshot()) then
        return 'the server was put back to a state before the last rollup';
    elsif twcache.footprint(r.tables, r.functions, false) <> r.footprint[:2] || 0::bigint || r.footprint[4:]
          or r.files <> twcache.rollup_files()
          or exists (select from pg_subscription_rel where srrelid = any (r.tables))
          or is_thorough and r.baseline <> (select b::text from twcache.baseline b) then
        return 'the tables, their triggers, the database or the server are others than at the last rollup';
    elsif exists (select from twcache.recent_changes(r.snapshot) where everything or relid <> all (r.tables) or age(xid::xid) < age(row_xid)) then
        return 'a table was truncated, restored, or came and went since the last rollup';
    end if;
    return twcache.rollup_obstacle();
end
$$;

-- Brings the counters to the counts of now. Call it in a transaction of its own, from anywhere and as often as you like: one call at a time
-- works, and none counts anything twice. It also extends the lease, so that changes are recorded for keep_seconds more
-- (an hour at most) although no cache runs.
-- counted: whether the counters are the counts of now. If not, detail says why. The first call, and the first after tables or
-- triggers were changed or changes went unrecorded, begins only; the next one counts all activity, once all earlier transactions have ended.
-- changed: how many messages' counts have changed.
--
-- It waits for locks for less than deadlock_timeout, so that no restore and no migration fails because of it.
-- A transaction that has written activity cannot roll up: its own changes are visible to it, and yet not part of the
-- snapshot that it could store. For the same reason the stored snapshot says of this transaction that it is in
-- progress, which pg_current_snapshot() does not: what it writes afterwards is a change like any other.
create or replace function twcache.roll_up(keep_seconds int default 900, out counted bool, out changed bigint, out detail text)
language plpgsql security definer set search_path = pg_catalog, pg_temp set row_security = off set jit = off set lock_timeout = '500ms' set work_mem = '64MB' set plan_cache_mode = force_custom_plan set enable_nestloop = on as $$
declare
    r            record;
    problem_list text[];
    b            twcache.baseline;
    lapse_now    bigint := (select last_value from twcache.lapse);
    zone_now     text := twcache.day_zone();
    keep_for     int := least(greatest(coalesce(keep_seconds, 1), 1), 3600);
    started      timestamptz;
    most         bigint;
begin
    counted := false;
    changed := 0;
    if pg_current_xact_id_if_assigned() is not null then
        raise exception 'twcache.roll_up() needs a transaction of its own: this one has written something already' using errcode = 'active_sql_transaction';
    end if;
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'twcache.roll_up() needs the isolation level read committed' using errcode = 'invalid_transaction_state';
    end if;
    perform from twcache.mutex where name = 'rollup' for update skip locked;
    if not found then
        insert into twcache.mutex (name) values ('rollup') on conflict do nothing;
        detail := 'another session is rolling up';
        return;
    end if;

    problem_list := array_remove(twcache.problems() || twcache.rollup_obstacle(), null);
    if cardinality(problem_list) > 0 then
        delete from twcache.rollup;
        detail := array_to_string(problem_list, '; ');
        return;
    end if;

    select * into b from twcache.baseline;
    -- From here on nobody else changes or deletes the row.
    update twcache.rollup
       set written_by = pg_current_xact_id(), keep_until = clock_timestamp() + make_interval(secs => keep_for)
     where written_by::xid = xmin and baseline = b::text and files = twcache.rollup_files() and pg_snapshot_xmax(snapshot) <= pg_snapshot_xmax(pg_current_snapshot())
       and lapse = lapse_now and extract(epoch from clock_timestamp()) < (select last_value from twcache.lease)
    returning * into r;

    if r.counted then
        started := clock_timestamp();
        with change as materialized (
            select * from twcache.recent_changes(r.snapshot)
        ), since as materialized (
            select messageid, sum(rts)::bigint as rts, sum(favs)::bigint as favs, sum(born)::int as born,
                   bool_or(everything or relid <> all (r.tables) or age(xid::xid) < age(row_xid)) is true as unclear
              from change
             group by messageid
        ), day_net as materialized (
            select s.day, c.day is not null as known, coalesce(c.rts, 0) + s.rts as rts, coalesce(c.de_rts, 0) + s.de_rts as de_rts,
                   coalesce(c.favs, 0) + s.favs as favs, coalesce(c.de_favs, 0) + s.de_favs as de_favs
              from (select twcache.day_of(datetime, zone_now) as day, sum(rts + de_rts)::bigint as rts, sum(de_rts)::bigint as de_rts,
                           sum(favs + de_favs)::bigint as favs, sum(de_favs)::bigint as de_favs
                      from change
                     group by 1) s
              left join twcache.daily_counters c using (day)
             where s.day is not null
        ), net as materialized (
            select s.messageid, c.messageid is not null as known, s.unclear,
                   coalesce(c.rts, 0) + s.rts as rts, coalesce(c.favs, 0) + s.favs as favs, coalesce(c.born, 0) + s.born as born
              from since s
              left join twcache.counters c using (messageid)
        ), verdict as materialized (
            select coalesce(bool_or(unclear or messageid is null or born not in (0, 1)), false) or exists (select from day_net where least(rts, de_rts, favs, de_favs) < 0) as recounts,
                   count(*) as changed
              from net
        ), day_gone as (
            delete from twcache.daily_counters c using day_net n, verdict v
             where not v.recounts and c.day = n.day and (n.rts, n.de_rts, n.favs, n.de_favs) = (0, 0, 0, 0)
        ), day_moved as (
            update twcache.daily_counters c set rts = n.rts, de_rts = n.de_rts, favs = n.favs, de_favs = n.de_favs from day_net n, verdict v
             where not v.recounts and c.day = n.day and (n.rts, n.de_rts, n.favs, n.de_favs) <> (0, 0, 0, 0)
               and (n.rts, n.de_rts, n.favs, n.de_favs) <> (c.rts, c.de_rts, c.favs, c.de_favs)
        ), day_come as (
            insert into twcache.daily_counters (day, rts, de_rts, favs, de_favs)
            select n.day, n.rts, n.de_rts, n.favs, n.de_favs from day_net n, verdict v
             where not v.recounts and not n.known and (n.rts, n.de_rts, n.favs, n.de_favs) <> (0, 0, 0, 0)
        ), gone as (
            delete from twcache.counters c using net n, verdict v
             where not v.recounts and c.messageid = n.messageid and (n.rts, n.favs, n.born) = (0, 0, 0)
        ), moved as (
            update twcache.counters c set rts = n.rts, favs = n.favs, born = n.born from net n, verdict v
             where not v.recounts and c.messageid = n.messageid and (n.rts, n.favs, n.born) <> (0, 0, 0) and (n.rts, n.favs, n.born) <> (c.rts, c.favs, c.born)
        ), come as (
            insert into twcache.counters (messageid, rts, favs, born)
            select n.messageid, n.rts, n.favs, n.born from net n, verdict v
             where not v.recounts and not n.known and (n.rts, n.favs, n.born) <> (0, 0, 0)
        ), stamp as (
            update twcache.rollup set snapshot = twcache.snapshot_without_own(), rolled_at = started from verdict v where not v.recounts
        )
        select not v.recounts, v.changed into counted, changed from verdict v;
        if not counted then
            -- Everything is recorded: nothing is to be waited for.
            update twcache.rollup set counted = false, wait_below = '3';
        end if;
    elsif r.singleton is not null then
        if r.wait_below is null then
            r.wait_below := pg_current_xact_id();
            update twcache.rollup set wait_below = r.wait_below;
        end if;
        detail := twcache.earlier_transaction(r.wait_below);
        if detail is not null then
            -- The count is still to come: the log need not be kept from before.
            update twcache.rollup set snapshot = pg_current_snapshot();
        else
            -- Before the snapshot of the count: to that one, a table that is truncated in between would be empty.
            lock table tweet.message, tweet.activity in access share mode;
            -- All of the counters against all of the messages: what the planner takes for few at the first time may be millions.
            perform set_config('enable_nestloop', 'off', true);
            started := clock_timestamp();
            with activity as materialized (
                -- By message, and by slots of time: of those there are fewer than rows, and their days are what is dear.
                select messageid, slot, grouping(messageid) = 0 as is_of_message,
                       count(*) filter (where action = 'rt') as rts, count(*) filter (where action = 'de-rt') as de_rts,
                       count(*) filter (where action = 'fav') as favs, count(*) filter (where action = 'de-fav') as de_favs
                  from (select a.messageid::bigint as messageid, a.action, twcache.slot_of(twcache.as_time(a.datetime)) as slot
                          from (select null::bool as datetime) as missing, lateral (select messageid, action, datetime from tweet.activity) as a
                         where a.messageid is not null) as a
                 group by grouping sets ((messageid), (slot))
            ), fresh as materialized (
                select coalesce(m.messageid, a.messageid) as messageid, coalesce(a.rts, 0) as rts, coalesce(a.favs, 0) as favs, coalesce(m.born, 0) as born
                  from (select messageid::bigint as messageid, count(*) as born from tweet.message where messageid is not null group by 1) m
                  full join (select messageid, rts - de_rts as rts, favs - de_favs as favs from activity where is_of_message) a using (messageid)
            ), fresh_day as materialized (
                select day, sum(rts)::bigint as rts, sum(de_rts)::bigint as de_rts, sum(favs)::bigint as favs, sum(de_favs)::bigint as de_favs
                  from (select twcache.day_of(slot, zone_now) as day, rts, de_rts, favs, de_favs from activity where not is_of_message) as s
                 where day is not null
                 group by day
                having (sum(rts), sum(de_rts), sum(favs), sum(de_favs)) <> (0, 0, 0, 0)
            ), day_gone as (
                delete from twcache.daily_counters c where not exists (select from fresh_day f where f.day = c.day)
            ), day_moved as (
                update twcache.daily_counters c set rts = f.rts, de_rts = f.de_rts, favs = f.favs, de_favs = f.de_favs from fresh_day f
                 where c.day = f.day and (f.rts, f.de_rts, f.favs, f.de_favs) <> (c.rts, c.de_rts, c.favs, c.de_favs)
            ), day_come as (
                insert into twcache.daily_counters (day, rts, de_rts, favs, de_favs)
                select day, rts, de_rts, favs, de_favs from fresh_day f where not exists (select from twcache.daily_counters c where c.day = f.day) order by day
            ), gone as (
                delete from twcache.counters c where not exists (select from fresh f where f.messageid = c.messageid and (f.rts, f.favs, f.born) <> (0, 0, 0)) returning 1
            ), moved as (
                update twcache.counters c set rts = f.rts, favs = f.favs, born = f.born from fresh f
                 where c.messageid = f.messageid and (f.rts, f.favs, f.born) <> (0, 0, 0) and (f.rts, f.favs, f.born) <> (c.rts, c.favs, c.born)
                returning 1
            ), come as (
                insert into twcache.counters (messageid, rts, favs, born)
                select messageid, rts, favs, born from fresh f
                 where (rts, favs, born) <> (0, 0, 0) and not exists (select from twcache.counters c where c.messageid = f.messageid)
                 order by messageid
                returning 1
            ), stamp as (
                update twcache.rollup set snapshot = twcache.snapshot_without_own(), counted = true, rolled_at = started, wait_below = null
            )
            select (select count(*) from gone) + (select count(*) from moved) + (select count(*) from come), (select max(born) from fresh), twcache.foreign_rows() into changed, most, detail;
            if most > 1 then
                raise exception 'tweet.message has a messageid more than once: the counts of such messages are not kept' using errcode = 'unique_violation';
            end if;
            if detail is not null then
                raise exception '%', detail using errcode = 'object_not_in_prerequisite_state';
            end if;
            -- A partition that came before the count, and has not gone: the count has locked what it read.
            if r.baseline <> (select now::text from twcache.baseline now) then
                raise exception 'tables were changed while twcache.roll_up() counted: call it again' using errcode = 'serialization_failure';
            end if;
            counted := true;
        end if;
    end if;

    -- The sequences keep what this sets, and the lock, for which renewals would wait until this transaction ends, goes with the block. As long
    -- as the lease reaches, whoever is in the snapshot has recorded what it did.
    begin
        perform twcache.extend_lease(keep_for);
        raise exception 'the lease is extended' using errcode = 'TC001';
    exception
        when sqlstate 'TC001' then
            null;
    end;
    if counted and lapse_now <> (select last_value from twcache.lapse) then
        raise exception 'the lease ran out while twcache.roll_up() was at work: call it again, with more keep_seconds' using errcode = 'query_canceled';
    end if;
    if r.singleton is null and not pg_try_advisory_xact_lock(1951, 1) then
        detail := 'the files of sql/ are being applied';
    elsif r.singleton is null then
        -- Whoever began before may record changes otherwise than from now on, or not at all, and plans of before must be made anew.
        execute format('grant select on twcache.change to %I', current_user);
        delete from twcache.rollup;
        insert into twcache.rollup (snapshot, counted, written_by, rolled_at, lapse, baseline, tables, functions, footprint, files, keep_until)
        select pg_current_snapshot(), false, pg_current_xact_id(), clock_timestamp(), last_value, b::text, b.tables, b.functions, b.footprint, twcache.rollup_files(),
               clock_timestamp() + make_interval(secs => keep_for)
          from twcache.lapse;
    end if;
    if exists (select from twcache.rollup where written_by::xid <> xmin) then
        raise exception 'twcache.roll_up() cannot be called within a savepoint or an exception block' using errcode = 'invalid_transaction_state';
    end if;
    if not counted then
        detail := coalesce(detail, 'the next call counts all activity');
    end if;
end
$$;

-- The counters are not to be trusted: the next rollup counts all activity.
create or replace function twcache.drop_rollup() returns void
language sql security definer set search_path = pg_catalog, pg_temp set row_security = off as $$
    delete from twcache.rollup
$$;

-- The snapshot of the statement that asks, with its own transaction as one that is in progress.
create or replace function twcache.snapshot_without_own() returns pg_snapshot
language sql stable set search_path = pg_catalog, pg_temp as $$
    select case when own is null or own >= pg_snapshot_xmax(s) then s
                else format('%s:%s:%s', pg_snapshot_xmin(s), pg_snapshot_xmax(s),
                         (select string_agg(x::text, ',' order by x) from (select pg_snapshot_xip(s) union select own) as running (x)))::pg_snapshot end
      from (select pg_current_snapshot(), pg_current_xact_id_if_assigned()) as now (s, own)
$$;

-- True; where the counters and the changes since do not add up to the counts it fails, with the reason.
create or replace function twcache.require_rollup() returns bool
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
    problem text := twcache.rollup_problem(is_thorough => false);
begin
    if problem is not null then
        raise exception 'the current counts are not known: %', problem
            using errcode = 'object_not_in_prerequisite_state',
                  hint = 'Run the service, or call "select * from twcache.roll_up()" until it says that it has counted. The view tweet.message_with_counters counts all the while.';
    end if;
    return true;
end
$$;

-- What has changed since the rollup, with its owner's rights: who reads counts need not be one who may read the tables.
create or replace function twcache.pending_changes() returns table (messageid bigint, rts bigint, favs bigint, born int, de_rts bigint, de_favs bigint, datetime timestamptz)
language sql stable security definer set search_path = pg_catalog, pg_temp set row_security = off set enable_seqscan = off set jit = off as $$
    select c.messageid, c.rts, c.favs, c.born, c.de_rts, c.de_favs, c.datetime from twcache.rollup r, twcache.recent_changes(r.snapshot) c
$$;

-- What the counters and the changes since add up to, whether that is known to be the counts or not. born: 1, or 0 where there is activity only.
create or replace view twcache.counters_now as
select coalesce(c.messageid, s.messageid) as messageid, coalesce(c.rts, 0) + coalesce(s.rts, 0) as rts, coalesce(c.favs, 0) + coalesce(s.favs, 0) as favs,
       coalesce(c.born, 0) + coalesce(s.born, 0) as born
  from twcache.counters c
  full join (select u.messageid, sum(u.rts)::bigint as rts, sum(u.favs)::bigint as favs, sum(u.born)::int as born
               from twcache.pending_changes() u
              group by u.messageid) s using (messageid);

-- The same for the days, in the time zone twcache.day_zone().
create or replace view twcache.daily_counters_now as
select * from (
    select coalesce(c.day, s.day) as day, coalesce(c.rts, 0) + coalesce(s.rts, 0) as rts, coalesce(c.de_rts, 0) + coalesce(s.de_rts, 0) as de_rts,
           coalesce(c.favs, 0) + coalesce(s.favs, 0) as favs, coalesce(c.de_favs, 0) + coalesce(s.de_favs, 0) as de_favs
      from twcache.daily_counters c
      full join (select twcache.day_of(u.datetime, z.zone) as day, sum(u.rts + u.de_rts)::bigint as rts, sum(u.de_rts)::bigint as de_rts,
                        sum(u.favs + u.de_favs)::bigint as favs, sum(u.de_favs)::bigint as de_favs
                   from (select twcache.day_zone() as zone) as z, twcache.pending_changes() u
                  group by 1) s using (day)) as now
 where day is not null and (rts, de_rts, favs, de_favs) <> (0, 0, 0, 0);

-- The counts of now, for whoever speaks only SQL: in any transaction, at any isolation level, its own changes included; no writer waits for
-- it, and nobody counts. It fails where they are not known, with what to do.
create or replace view twcache.current_counts as
select messageid, rts, favs from twcache.counters_now where born > 0 and (select twcache.require_rollup());

-- The days likewise, where the activity has times.
create or replace view twcache.current_daily_counters as
select day, rts, de_rts, favs, de_favs from twcache.daily_counters_now where (select twcache.require_rollup()) and (select twcache.keeps_days());

-- The counts of the given messages, without those that do not exist. It reads them by primary key, what was not rolled up yet, and the footprint of
-- what they stand on, however much activity there is.
create or replace function twcache.counts_of_many(messages bigint[]) returns table (messageid bigint, rts bigint, favs bigint)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp set row_security = off set enable_seqscan = off set jit = off as $$
begin
    perform twcache.require_rollup();
    return query
    select p.messageid, sum(p.rts)::bigint, sum(p.favs)::bigint
      from (select c.messageid, c.rts, c.favs, c.born from twcache.counters c where c.messageid = any (messages)
             union all
            select u.messageid, u.rts, u.favs, u.born from twcache.rollup r, twcache.recent_changes(r.snapshot) u where u.messageid = any (messages)) as p
     group by p.messageid
    having sum(p.born) > 0;
end
$$;

-- The same of one message; no row where it does not exist.
create or replace function twcache.counts_of(message bigint) returns table (rts bigint, favs bigint)
language sql stable as $$
    select rts, favs from twcache.counts_of_many(array[message])
$$;

revoke execute on function twcache.rollup_files(), twcache.rollup_obstacle(), twcache.counters_changed(), twcache.rollup_problem(bool), twcache.roll_up(int), twcache.drop_rollup(), twcache.snapshot_without_own(),
    twcache.foreign_rows(), twcache.pending_changes(), twcache.require_rollup(), twcache.counts_of_many(bigint[]), twcache.counts_of(bigint) from public;

select twcache.finish_file('932_rollup.sql', 2);
commit;
