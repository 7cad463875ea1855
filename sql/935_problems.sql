-- What must hold so that the change log proves the counts.
begin isolation level read committed read write;
set local statement_timeout = 0;
select twcache.start_file('935_problems.sql', 4);

-- Whatever does not hold now, as sentences that name it and its remedy; empty: all is well. It is
-- asked often: it reads the catalog's rows of our tables and triggers only, by their indexes.
-- What it cannot see is what was so and is not now: whoever asks compares the catalogs' rows between two looks. Row security of a
-- partition does not matter, because rows that are read through the root are subject to the root's only.
create or replace function twcache.problems() returns text[]
language plpgsql stable set search_path = pg_catalog, pg_temp set jit = off as $$
declare
    message  oid := to_regclass('tweet.message');
    activity oid := to_regclass('tweet.activity');
    users    oid := to_regclass('tweet.users');
    counters oid := to_regclass('tweet.message_with_counters');
    found_ones text[];
begin
    with tables as materialized (
        select * from twcache.counted_table
    ), function as materialized (
        select d.name, p.oid, p.prosrc is not distinct from d.source as is_ours
          from twcache.definition d
          left join lateral (select oid, prosrc from pg_proc where oid = to_regprocedure('twcache.' || d.name) offset 0) p on true   -- never all functions
    ), needed_trigger as materialized (
        select t.relid, f.name, f.type, f.condition, p.oid as function_oid
          from tables t
          join twcache.trigger_form f on f.root = t.root and (f.form is null or f.form = t.form)
          left join function p on p.name = f.function || '()'
    ), missing_table (words) as (
        select format('table %s does not exist', name)
          from (values ('tweet.message', message), ('tweet.activity', activity)) as t (name, oid)
         where oid is null
    ), wrong_kind (words) as (
        select case when t.relkind = 'f' then format('%s is a foreign table, whose rows can change without a trigger: detach it', t.relid::regclass)
                    else format('%s is no table', t.relid::regclass) end
          from tables t
         where t.relkind not in ('r', 'p')
    ), detaching (words) as (
        select format('partition %s is being detached: wait, or where no detach is running end it with alter table %s detach partition %s finalize', i.inhrelid::regclass, i.inhparent::regclass, i.inhrelid::regclass)
          from tables t
          join pg_inherits i on i.inhrelid = t.relid
         where i.inhdetachpending
    ), subscribed (words) as (
        select format('%s is filled by logical replication, whose changes fire no statement triggers: run the service against the publisher', s.srrelid::regclass)
          from pg_subscription_rel s
         where s.srrelid in (select relid from tables)
    ), attribute (table_name, name, type, is_enum) as materialized (
        select n.table_name, n.name, coalesce(nullif(ty.typbasetype, 0), ty.oid), coalesce(base.typtype, ty.typtype) = 'e'
          from (values ('tweet.message', message, 'messageid'), ('tweet.activity', activity, 'messageid'), ('tweet.activity', activity, 'action')) as n (table_name, oid, name)
          left join pg_attribute a on a.attrelid = n.oid and a.attname = n.name and not a.attisdropped
          left join pg_type ty on ty.oid = a.atttypid
          left join pg_type base on base.oid = ty.typbasetype and ty.typbasetype <> 0
         where n.oid is not null
    ), wrong_column (words) as (
        select case when type is null then format('column %s.%s does not exist', table_name, name)
                    when name = 'messageid' then format('column %s.%s is of type %s: bigint, integer or smallint is needed', table_name, name, format_type(type, null))
                    else format('column %s.%s is of type %s: an enum with the labels rt, fav, de-rt and de-fav, or text, is needed', table_name, name, format_type(type, null)) end
          from attribute
         where type is null
            or name = 'messageid' and type not in ('bigint'::regtype, 'integer'::regtype, 'smallint'::regtype)
            or name = 'action' and type not in ('text'::regtype, 'varchar'::regtype) and not is_enum
    ), missing_label (words) as (
        select format('type %s of tweet.activity.action has no label %L: add or rename one', format_type(a.type, null), l.label)
          from attribute a
         cross join unnest('{rt,fav,de-rt,de-fav}'::text[]) as l (label)
         where a.name = 'action' and a.is_enum and not exists (select from pg_enum where enumtypid = a.type and enumlabel = l.label)
    ), wrong_trigger (words) as (
        select case when t.oid is null then format('trigger %s on %s is missing', n.name, n.relid::regclass)
                    when t.tgenabled in ('D', 'R') then format('trigger %s on %s is disabled: alter table %s enable always trigger %s', n.name, n.relid::regclass, n.relid::regclass, n.name)
                    when t.tgenabled = 'O' and t.tgfoid = n.function_oid and t.tgtype = n.type then format('trigger %s on %s does not fire always', n.name, n.relid::regclass)
                    else format('trigger %s on %s is not the one that is needed', n.name, n.relid::regclass) end
               || case when t.tgenabled in ('D', 'R') then ''
                       when t.tgenabled = 'A' and n.name like 'zz%' then ' for column recorded_by: select * from twcache.set_log(''table'')'
                       else ': select twcache.install_triggers()' end
          from needed_trigger n
          left join pg_trigger t on t.tgrelid = n.relid and t.tgname = n.name
         where t.oid is null or t.tgenabled <> 'A' or t.tgfoid is distinct from n.function_oid or t.tgtype <> n.type
            or (t.tgqual is not null) <> (n.condition <> '') or t.tgattr::text <> ''
            -- A renamed column takes the condition with it. Clones in partitions have no record of their own.
            or n.name like 'zz%' and t.tgparentid = 0 and not exists (
                select from pg_depend d
                  join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid and a.attname = 'recorded_by'
                 where d.classid = 'pg_trigger'::regclass and d.objid = t.oid and d.refclassid = 'pg_class'::regclass and d.refobjid = n.relid)
    ), wrong_log (words) as (
        select 'tweet.activity is its own log (twcache.log_form), and has no column recorded_by of type xid8: as its owner run: select * from twcache.set_log(''table'')'
         where twcache.log_form() = 'table' and activity is not null
           and not exists (select from pg_attribute where attrelid = activity and attname = 'recorded_by' and atttypid = 'xid8'::regtype and not attisdropped)
         union all
        select format('%s has no B-tree index that begins with recorded_by, without which each look for changes would read the whole table: create index concurrently on %s (recorded_by) where recorded_by is not null',
                   t.relid::regclass, t.relid::regclass)
          from tables t
          join pg_attribute a on a.attrelid = t.relid and a.attname = 'recorded_by' and a.atttypid = 'xid8'::regtype and not a.attisdropped
         where t.root = 'activity' and t.relkind = 'r' and twcache.log_form() = 'table'
           and not exists (select from pg_index i where i.indrelid = t.relid and i.indkey[0] = a.attnum and i.indisvalid and (select amname from pg_am join pg_class x on x.relam = pg_am.oid where x.oid = i.indexrelid) = 'btree' and (i.indpred is null or pg_get_expr(i.indpred, i.indrelid) = '(recorded_by IS NOT NULL)'))
    ), strange_trigger (words) as (
        select format('trigger %s on %s %s: select twcache.install_triggers(), or drop it', p.tgname, p.tgrelid::regclass,
                   case when p.tgrelid in (select relid from tables) then 'is for tables of another form, and would count twice' else 'counts rows of a table that is not counted' end)
          from function f
          join pg_depend d on d.refclassid = 'pg_proc'::regclass and d.refobjid = f.oid and d.classid = 'pg_trigger'::regclass
          join pg_trigger p on p.oid = d.objid
         where p.tgparentid = 0 and not exists (select from needed_trigger n where n.relid = p.tgrelid and n.name = p.tgname)
    ), hidden (words) as (
        select format('row security of %s hides rows from role %I, which a policy may, too: alter role %I bypassrls, or: alter table %s disable row level security',
                   t.oid::regclass, current_user, current_user, t.oid::regclass)
          from (values (message), (activity), (users), (to_regclass('twcache.change')::oid), (to_regclass('twcache.consumer')::oid), (to_regclass('twcache.change_identity')::oid)) as t (oid)
         where t.oid is not null and row_security_active(t.oid)
    ), wrong_view (words) as (
        select 'view tweet.message_with_counters does not exist: run sql/930_view.sql'
         where counters is null
         union all
        select format('view tweet.message_with_counters has no column %s', n.name)
          from unnest('{messageid,rts,favs}'::text[]) as n (name)
         where counters is not null and not exists (select from pg_attribute where attrelid = counters and attname = n.name and not attisdropped)
         union all
        select format('view tweet.message_with_counters does not read %s: it stands on another table, such as one that was renamed. Drop it and run sql/930_view.sql', t.oid::regclass)
          from (values (message), (activity)) as t (oid)
         where counters is not null and t.oid is not null
           and not exists (select
                             from pg_rewrite r
                             join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refclassid = 'pg_class'::regclass and d.refobjid = t.oid
                            where r.ev_class = counters)
    ), wrong_function (words) as (
        select format('function twcache.%s is not the one that sql/910_functions.sql and sql/920_triggers.sql make: run them and sql/935_problems.sql again', name)
          from function
         where not is_ours
    ), powerless (words) as (
        -- Roles: what a dump without privileges, or another owner, leaves behind. Whoever writes would fail.
        select format('role %I, which owns trigger functions of schema twcache, lacks rights there: run sql/920_triggers.sql again, as the owner of the schema', o.rolname)
          from (select distinct p.proowner from function f join pg_proc p on p.oid = f.oid where p.prorettype = 'trigger'::regtype) as p
          join pg_roles o on o.oid = p.proowner
         where not has_schema_privilege(o.oid, 'twcache', 'usage') or not has_table_privilege(o.oid, to_regclass('twcache.change')::oid, 'insert')
            or not has_sequence_privilege(o.oid, to_regclass('twcache.lease')::oid, 'select')
    ), missing_plumbing (words) as (
        select format('%s is missing: run sql/030_change_log.sql', n.name)
          from unnest('{twcache.change,twcache.change_identity,twcache.consumer,twcache.lease,twcache.lapse,twcache.mutex}'::text[]) as n (name)
         where to_regclass(n.name) is null
    ), meddled (words) as (
        select 'twcache.change has rules or triggers, which may take changes out of it: drop them'
         where exists (select from pg_rewrite where ev_class = to_regclass('twcache.change')::oid)
            or exists (select from pg_trigger where tgrelid = to_regclass('twcache.change')::oid)
    )
    select array_agg(words) into found_ones
      from (select words from missing_table union all select words from wrong_kind union all select words from detaching union all select words from subscribed
             union all select words from wrong_column union all select words from missing_label union all select words from wrong_log union all select words from wrong_trigger union all select words from strange_trigger
             union all select words from hidden union all select words from wrong_view union all select words from wrong_function union all select words from missing_plumbing
             union all select words from meddled union all select words from powerless) as all_words;
    return coalesce(found_ones, '{}');
end
$$;
revoke execute on function twcache.problems() from public;

-- As they are now. Not those that no count depends on.
create or replace function twcache.note_definitions() returns void
language sql set search_path = pg_catalog, pg_temp as $$
    delete from twcache.definition;
    insert into twcache.definition (name, source)
    select format('%s(%s)', proname, oidvectortypes(proargtypes)), prosrc
      from pg_proc
     where pronamespace = 'twcache'::regnamespace
       and proname not in ('trim', 'problems', 'start_file', 'finish_file', 'reload',
                           'note_definitions', 'make_log', 'set_log', 'keeps_days', 'day_zone', 'set_day_zone', 'foreign_rows', 'pending_changes',
                           'earlier_transaction', 'rollup_files', 'rollup_obstacle', 'rollup_problem', 'roll_up', 'drop_rollup', 'counters_changed', 'snapshot_without_own', 'require_rollup', 'counts_of', 'counts_of_many');
$$;
revoke execute on function twcache.note_definitions() from public;
select twcache.note_definitions();

select twcache.finish_file('935_problems.sql', 4);
commit;
