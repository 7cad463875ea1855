-- What has changed since a snapshot, said once: drains, the rollup and who reads current counts ask it.
begin isolation level read committed read write;
set local statement_timeout = 0;
select twcache.start_file('915_changes.sql', 1);

-- The changes that the asking statement can see and the earlier snapshot could not: of transactions from its xmax on, and of those that
-- were in progress and have ended. Rows of transactions that are still open are not even looked at, because there may be millions. Its
-- own transaction's are among them, whether or not its own snapshot takes that for ended.
-- row_xid: the transaction that wrote the row, which is the same, unless a restore has brought the row.
create or replace function twcache.changes_since(since pg_snapshot)
returns table (xid xid8, row_xid xid, messageid bigint, rts bigint, favs bigint, born int, everything bool, relid oid)
language sql stable as $$
    select c.xid, c.xmin, c.messageid, c.rts, c.favs, c.born, c.everything, c.relid from twcache.change c
     where c.xid operator(pg_catalog.>=) pg_catalog.pg_snapshot_xmax(since)
       and c.xid operator(pg_catalog.<) pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())
     union all
    select c.xid, c.xmin, c.messageid, c.rts, c.favs, c.born, c.everything, c.relid from twcache.change c
     where c.xid operator(pg_catalog.=) any (array(
        select ended from pg_catalog.pg_snapshot_xip(since) as ended where pg_catalog.pg_visible_in_snapshot(ended, pg_catalog.pg_current_snapshot())))
     union all
    select c.xid, c.xmin, c.messageid, c.rts, c.favs, c.born, c.everything, c.relid from twcache.change c
     where c.xid operator(pg_catalog.=) pg_catalog.pg_current_xact_id_if_assigned()
       and not pg_catalog.pg_visible_in_snapshot(c.xid, since)
       and not pg_catalog.pg_visible_in_snapshot(c.xid, pg_catalog.pg_current_snapshot())
$$;
revoke execute on function twcache.changes_since(pg_snapshot) from public;

select twcache.finish_file('915_changes.sql', 1);
commit;
