-- What the counts stand on, said once: the caches and the rollup compare it between two looks.
begin isolation level read committed read write;
set local statement_timeout = 0;
select twcache.start_file('905_baseline.sql', 2);

-- What is cheap enough to be looked at with every drain, as numbers that differ where anything differs: the triggers, their functions, how the
-- tables are read (columns, labels, the view, subscriptions; 0 where it is not asked for, because it takes as long as the rest), the partitions
-- and children, and the files of the tables and of the log; then what the names tweet.message, tweet.activity and twcache.change lead to, and whether
-- the log has rules or triggers, which may take changes out of it (one that is gone leaves a trace there until the next vacuum).
-- Transaction ids and oids only grow, so that of the same number of catalog rows no other has the same sum.
create or replace function twcache.footprint(tables oid[], functions oid[], with_readings bool) returns bigint[]
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
    room constant numeric := 4611686018427387904;  -- the sums may be larger than a bigint
begin
    return array[
        coalesce((select mod(sum((oid::bigint << 20) + xmin::text::bigint), room) from pg_trigger where tgrelid = any (tables)), 0)::bigint,
        coalesce((select mod(sum((oid::bigint << 20) + xmin::text::bigint), room) from pg_proc where oid = any (functions)), 0)::bigint,
        case when with_readings then mod(
            coalesce((select sum((attrelid::bigint << 20) + (attnum << 10) + atttypid::bigint + xmin::text::bigint) from pg_attribute
                       where attrelid = any (tables) and attname in ('messageid', 'action', 'datetime', 'recorded_by') and not attisdropped), 0)
            + coalesce((select sum((oid::bigint << 20) + xmin::text::bigint) from pg_enum
                         where enumtypid = (select atttypid from pg_attribute where attrelid = to_regclass('tweet.activity')::oid and attname = 'action' and not attisdropped)), 0)
            + coalesce((select sum((oid::bigint << 20) + xmin::text::bigint) from pg_rewrite where ev_class = to_regclass('tweet.message_with_counters')::oid), 0)
            + coalesce((select sum((srsubid::bigint << 20) + xmin::text::bigint) from pg_subscription_rel where srrelid = any (tables)), 0), room)
        else 0 end::bigint,
        coalesce((select mod(sum((inhrelid::bigint << 20) + xmin::text::bigint), room) from pg_inherits where inhparent = any (tables)), 0)::bigint,
        coalesce((select sum(pg_relation_filenode(id)::bigint) from unnest(tables || to_regclass('twcache.change')::oid) as file (id)), 0)::bigint,
        coalesce(to_regclass('tweet.message')::oid::bigint, 0), coalesce(to_regclass('tweet.activity')::oid::bigint, 0),
        coalesce((select oid::bigint + (relhasrules::int::bigint << 40) + (relhastriggers::int::bigint << 41) from pg_class where oid = to_regclass('twcache.change')::oid), 0)];
end
$$;
revoke execute on function twcache.footprint(oid[], oid[], bool) from public;

-- All of it: the server, the database, the books of schema twcache, the trigger functions, the columns and labels, the tables with their
-- partitions and children, and the footprint.
create or replace view twcache.baseline as
with recursive tree (id) as (
    select unnest(array[to_regclass('tweet.message')::oid, to_regclass('tweet.activity')::oid])
     union
    select inhrelid from tree join pg_inherits on inhparent = id
), tables (ids) as (
    select coalesce(array_agg(id order by id) filter (where id is not null), array[]::oid[]) from tree
), functions (ids) as (
    select array(select objid from pg_depend join pg_proc on oid = objid
                  where refclassid = 'pg_namespace'::regclass and refobjid = to_regnamespace('twcache')::oid and classid = 'pg_proc'::regclass
                    and (prorettype = 'trigger'::regtype or (proname ~ '^(is|as|key|tells|time|slot|day)_' or proname in ('recorded_changes', 'recent_changes', 'log_form'))) order by objid)
)
select tables.ids as tables,
       (select system_identifier from pg_control_system()) as server,
       (select oid::bigint from pg_database where datname = current_database()) as database,
       (select string_agg(format('%s:%s', relname, oid), ' ' order by relname) from pg_class
         where relnamespace = to_regnamespace('twcache')::oid and relname in ('change_identity', 'consumer', 'lease', 'lapse')) as books,
       functions.ids as functions,
       (select string_agg(format('%s:%s:%s:%s', attrelid, attname, atttypid, xmin), ' ' order by attrelid, attnum) from pg_attribute
         where attrelid in (to_regclass('tweet.message')::oid, to_regclass('tweet.activity')::oid) and attname in ('messageid', 'action', 'datetime', 'recorded_by') and not attisdropped) as columns,
       (select string_agg(format('%s:%s:%s', enumlabel, oid, xmin), ' ' order by oid) from pg_enum
         where enumtypid in (select atttypid from pg_attribute where attrelid = to_regclass('tweet.activity')::oid and attname = 'action')) as labels,
       twcache.footprint(tables.ids, functions.ids, true) as footprint
  from tables, functions;

select twcache.finish_file('905_baseline.sql', 2);
commit;
