-- What has changed since a snapshot, said once: drains, the rollup, audits and who reads current counts ask it.
begin isolation level read committed read write;
set local statement_timeout = 0;
select twcache.start_file('915_changes.sql', 2);

-- Makes what differs between the two forms of the log:
--   change: triggers write every change to twcache.change.
--   table:  tweet.activity is itself the log of what is inserted, by its column recorded_by; triggers write to twcache.change what is updated and
--           deleted, with the transaction that had inserted it.
-- twcache.log_form() says which it is. It is made together with what is read, so that nobody reads the one form while the triggers write the other.
--
-- twcache.recorded_changes(): the changes with the transactions that made them. rts and favs: net; de_rts, de_favs: how many of them were undone.
-- row_xid: the transaction that wrote the row of the log, which is the same one, unless a restore has brought the row. Of a row of tweet.activity it would tell
-- nothing, because an earlier transaction may have updated it; there twcache.foreign_rows() tells, at each load.
-- Texts and not expressions, because a table that something depends on cannot be changed; they read what the table has.
create or replace function twcache.make_log(form text) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $make$
declare
    logged   constant text := $sql$
    select c.xid, OLD_XID, c.xmin, c.messageid, c.rts, c.favs, c.born, c.everything, c.relid,
           coalesce(c.de_rts, case when c.rts operator(pg_catalog.<) 0 then operator(pg_catalog.-) c.rts else 0 end),
           coalesce(c.de_favs, case when c.favs operator(pg_catalog.<) 0 then operator(pg_catalog.-) c.favs else 0 end), c.datetime
      from twcache.change c
$sql$;
    inserted constant text := $sql$
     union all
    select a.recorded_by, null::pg_catalog.xid8, null::pg_catalog.xid, a.messageid::pg_catalog.int8,
           case when a.action operator(pg_catalog.=) twcache.as_action(case when false then a.action end, 'rt') then 1
                when a.action operator(pg_catalog.=) twcache.as_action(case when false then a.action end, 'de-rt') then -1 else 0 end::pg_catalog.int8,
           case when a.action operator(pg_catalog.=) twcache.as_action(case when false then a.action end, 'fav') then 1
                when a.action operator(pg_catalog.=) twcache.as_action(case when false then a.action end, 'de-fav') then -1 else 0 end::pg_catalog.int8, 0, false, a.tableoid,
           case when a.action operator(pg_catalog.=) twcache.as_action(case when false then a.action end, 'de-rt') then 1 else 0 end::pg_catalog.int8,
           case when a.action operator(pg_catalog.=) twcache.as_action(case when false then a.action end, 'de-fav') then 1 else 0 end::pg_catalog.int8, twcache.as_time(a.datetime)
      from (select null::pg_catalog.bool as datetime) as missing,
           lateral (select recorded_by, messageid, action, datetime, tableoid from tweet.activity) as a
     where a.messageid is not null
$sql$;
begin
    if form not in ('change', 'table') then
        raise exception 'the log is change or table, and not %', form using errcode = 'invalid_parameter_value';
    end if;
    execute format(
        'create or replace function twcache.recorded_changes()
         returns table (xid xid8, old_xid xid8, row_xid xid, messageid bigint, rts bigint, favs bigint, born int, everything bool, relid oid, de_rts bigint, de_favs bigint, datetime timestamptz)
         language sql stable as %L',
        case form when 'table' then replace(logged, 'OLD_XID', 'c.old_xid') || inserted else replace(logged, 'OLD_XID', 'null::pg_catalog.xid8') end);
    execute format('create or replace function twcache.log_form() returns text language sql immutable as %L', format('select %L::pg_catalog.text', form));
    revoke execute on function twcache.recorded_changes(), twcache.log_form() from public;
end
$make$;
revoke execute on function twcache.make_log(text) from public;

-- As it is.
do $$
declare
    form text := 'change';
begin
    if to_regproc('twcache.log_form') is not null then
        execute 'select twcache.log_form()' into form;
    end if;
    perform twcache.make_log(form);
end
$$;

-- The changes that the asking statement can see and the earlier snapshot could not: of transactions from its xmax on, and of those that
-- were in progress and have ended. Rows of transactions that are still open are not even looked at, because there may be millions. Its
-- own transaction's are among them, whether or not its own snapshot takes that for ended.
-- An update or a deletion of a row that is not counted in the earlier snapshot is no change: what is left of the row is one.
create or replace function twcache.recent_changes(since pg_snapshot)
returns table (xid xid8, row_xid xid, messageid bigint, rts bigint, favs bigint, born int, everything bool, relid oid, de_rts bigint, de_favs bigint, datetime timestamptz)
language sql stable as $$
    select c.xid, c.row_xid, c.messageid, c.rts, c.favs, c.born, c.everything, c.relid, c.de_rts, c.de_favs, c.datetime from twcache.recorded_changes() c
     where c.xid operator(pg_catalog.>=) pg_catalog.pg_snapshot_xmax(since)
       and c.xid operator(pg_catalog.<) pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())
       and (c.old_xid is null or pg_catalog.pg_visible_in_snapshot(c.old_xid, since))
     union all
    select c.xid, c.row_xid, c.messageid, c.rts, c.favs, c.born, c.everything, c.relid, c.de_rts, c.de_favs, c.datetime from twcache.recorded_changes() c
     where c.xid operator(pg_catalog.=) any (array(
        select ended from pg_catalog.pg_snapshot_xip(since) as ended where pg_catalog.pg_visible_in_snapshot(ended, pg_catalog.pg_current_snapshot())))
       and (c.old_xid is null or pg_catalog.pg_visible_in_snapshot(c.old_xid, since))
     union all
    select c.xid, c.row_xid, c.messageid, c.rts, c.favs, c.born, c.everything, c.relid, c.de_rts, c.de_favs, c.datetime from twcache.recorded_changes() c
     where c.xid operator(pg_catalog.=) pg_catalog.pg_current_xact_id_if_assigned()
       and not pg_catalog.pg_visible_in_snapshot(c.xid, since)
       and not pg_catalog.pg_visible_in_snapshot(c.xid, pg_catalog.pg_current_snapshot())
       and (c.old_xid is null or pg_catalog.pg_visible_in_snapshot(c.old_xid, since))
$$;

-- The changes between two snapshots of the past, for a statement that sees at least the later one, while whatever was recorded since the earlier one is kept.
-- What is still in the log itself of a row that was inserted between the two and updated or deleted after them, is taken back: the table no longer has the row as it was then.
create or replace function twcache.changes_between(since pg_snapshot, until pg_snapshot)
returns table (messageid bigint, rts bigint, favs bigint, born int, de_rts bigint, de_favs bigint, datetime timestamptz)
language sql stable as $$
    select c.messageid, c.rts, c.favs, c.born, c.de_rts, c.de_favs, c.datetime from twcache.recorded_changes() c
     where c.xid operator(pg_catalog.>=) pg_catalog.pg_snapshot_xmax(since)
       and c.xid operator(pg_catalog.<) pg_catalog.pg_snapshot_xmax(until)
       and pg_catalog.pg_visible_in_snapshot(c.xid, until)
       and (c.old_xid is null or pg_catalog.pg_visible_in_snapshot(c.old_xid, since))
     union all
    select c.messageid, c.rts, c.favs, c.born, c.de_rts, c.de_favs, c.datetime from twcache.recorded_changes() c
     where c.xid operator(pg_catalog.=) any (array(
        select ended from pg_catalog.pg_snapshot_xip(since) as ended where pg_catalog.pg_visible_in_snapshot(ended, until)))
       and (c.old_xid is null or pg_catalog.pg_visible_in_snapshot(c.old_xid, since))
     union all
    select c.messageid, operator(pg_catalog.-) c.rts, operator(pg_catalog.-) c.favs, 0, operator(pg_catalog.-) c.de_rts, operator(pg_catalog.-) c.de_favs, c.datetime
      from twcache.recorded_changes() c
     where c.xid operator(pg_catalog.>=) pg_catalog.pg_snapshot_xmin(until)
       and not pg_catalog.pg_visible_in_snapshot(c.xid, until)
       and c.old_xid is not null
       and pg_catalog.pg_visible_in_snapshot(c.old_xid, until)
       and not pg_catalog.pg_visible_in_snapshot(c.old_xid, since)
$$;

-- For services of earlier versions.
create or replace function twcache.changes_since(since pg_snapshot)
returns table (xid xid8, row_xid xid, messageid bigint, rts bigint, favs bigint, born int, everything bool, relid oid)
language sql stable as $$
    select xid, row_xid, messageid, rts, favs, born, everything, relid from twcache.recent_changes(since)
$$;
revoke execute on function twcache.recent_changes(pg_snapshot), twcache.changes_between(pg_snapshot, pg_snapshot), twcache.changes_since(pg_snapshot) from public;

select twcache.finish_file('915_changes.sql', 2);
commit;
