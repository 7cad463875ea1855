-- The writers' side. Every trigger function first looks at the lease and, where
-- it has lapsed, does nothing: no cache needs the change. The clock is read before
-- the lease (operands are evaluated from the left): a lease that is renewed in
-- between is seen. Last it rings: a cache that sleeps holds ASLEEP exclusively, so
-- that the shared lock cannot be had and the notification goes out at commit. Where
-- the lock can be had, the cache is awake, drains again, and cannot fall asleep
-- before this transaction has ended. It rings for nobody who has not renewed its
-- registration: a cache that stands still may hold ASLEEP for long.
--
-- No trigger may make the application's statement fail, whatever has become of its table. A column
-- that is missing is found in the one-row table beside it instead ("missing", which the planner
-- removes where nothing refers to it), as a boolean, which no key and no action is. What depends on
-- the columns' types (a key that is no whole number, a label that is missing) is asked of functions that the
-- planner folds away. In each of these cases the log says that everything may have changed. An
-- exception block would do the same, for the price of the whole trigger.
--
-- What one inserted row costs decides the form: the functions for inserts set no search_path, which
-- would cost a third more, so whatever they name has its schema, operators too.
-- They write a row of the log for each of the first hundred rows, because grouping costs as much
-- as the insert itself; the rows after those are grouped, so that a COPY of a million rows is not a million rows of the log.
-- The rows of a transition table that work_mem does not hold count against temp_file_limit: a
-- database that sets it needs room for its largest statement.
begin isolation level read committed read write;
set local statement_timeout = 0;
select twcache.start_file('920_triggers.sql', 3);

create or replace function twcache.is_key(smallint) returns bool language sql immutable as 'select true';
create or replace function twcache.is_key(int)      returns bool language sql immutable as 'select true';
create or replace function twcache.is_key(bigint)   returns bool language sql immutable as 'select true';
create or replace function twcache.is_key(anyelement) returns bool language sql immutable as 'select false';

create or replace function twcache.as_key(smallint) returns bigint language sql immutable as 'select $1::bigint';
create or replace function twcache.as_key(int)      returns bigint language sql immutable as 'select $1::bigint';
create or replace function twcache.as_key(bigint)   returns bigint language sql immutable as 'select $1';
create or replace function twcache.as_key(anyelement) returns bigint language sql immutable as 'select null::bigint';

-- Whether a column of the sample's type tells actions: an enum with all four labels, or text. Only the type counts.
-- Where the sample is a constant (case when false then COLUMN end), the planner folds the call away.
create or replace function twcache.is_action(sample anyelement) returns bool
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
begin
    return (select case when t.typtype = 'e' then (select count(*) from pg_enum where enumtypid = t.oid and enumlabel in ('rt', 'fav', 'de-rt', 'de-fav')) = 4
                        else t.oid in ('text'::regtype, 'varchar'::regtype) end
              from pg_type d
              join pg_type t on t.oid = coalesce(nullif(d.typbasetype, 0), d.oid)
             where d.oid = pg_typeof(sample));
end
$$;

-- A label as a value of the sample's type; null where it tells no actions.
create or replace function twcache.as_action(sample anyelement, label text) returns anyelement
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
begin
    return case when twcache.is_action(sample) then label end;
end
$$;

-- The transaction that inserted a row; null where nobody recorded it.
create or replace function twcache.as_xid(xid8)  returns xid8 language sql immutable as 'select $1';
create or replace function twcache.as_xid(jsonb) returns xid8 language sql immutable as
    $$select case when $1 operator(pg_catalog.#>>) '{}' operator(pg_catalog.~) '^\d{1,19}$' then ($1 operator(pg_catalog.#>>) '{}')::pg_catalog.xid8 end$$;
create or replace function twcache.as_xid(anyelement) returns xid8 language sql immutable as 'select null::pg_catalog.xid8';

create or replace function twcache.activity_inserted() returns trigger
language plpgsql security definer as $$
declare
    written bigint;
begin
    if pg_catalog.clock_timestamp() operator(pg_catalog.<=) pg_catalog.to_timestamp(pg_catalog.pg_sequence_last_value('twcache.lease')) then
        insert into twcache.change (messageid, datetime, rts, favs)
        select twcache.as_key(r.messageid), twcache.as_time(r.datetime),
               case when r.action operator(pg_catalog.=) twcache.as_action(case when false then r.action end, 'rt') then 1
                    when r.action operator(pg_catalog.=) twcache.as_action(case when false then r.action end, 'de-rt') then -1 else 0 end,
               case when r.action operator(pg_catalog.=) twcache.as_action(case when false then r.action end, 'fav') then 1
                    when r.action operator(pg_catalog.=) twcache.as_action(case when false then r.action end, 'de-fav') then -1 else 0 end
          from (select null::boolean as messageid, null::boolean as action, null::boolean as datetime) as missing,
               lateral (select messageid, action, datetime from new_rows) as r
         where twcache.is_key(r.messageid) and twcache.is_action(case when false then r.action end) and r.messageid is not null
         limit 100;
        get diagnostics written = row_count;
        if written operator(pg_catalog.<>) 1 then
            if written operator(pg_catalog.=) 100 then
                insert into twcache.change (messageid, datetime, rts, favs, de_rts, de_favs)
                select n.messageid, n.slot,
                       pg_catalog.count(*) filter (where n.label operator(pg_catalog.=) 'rt')  operator(pg_catalog.-) pg_catalog.count(*) filter (where n.label operator(pg_catalog.=) 'de-rt'),
                       pg_catalog.count(*) filter (where n.label operator(pg_catalog.=) 'fav') operator(pg_catalog.-) pg_catalog.count(*) filter (where n.label operator(pg_catalog.=) 'de-fav'),
                       pg_catalog.count(*) filter (where n.label operator(pg_catalog.=) 'de-rt'),
                       pg_catalog.count(*) filter (where n.label operator(pg_catalog.=) 'de-fav')
                  from (select twcache.as_key(r.messageid) as messageid, r.action::pg_catalog.text as label, twcache.slot_of(twcache.as_time(r.datetime)) as slot
                          from (select null::boolean as messageid, null::boolean as action, null::boolean as datetime) as missing,
                               lateral (select messageid, action, datetime from new_rows) as r
                         where r.messageid is not null
                        offset 100) as n
                 group by n.messageid, n.slot;
            elsif written operator(pg_catalog.=) 0 then
                insert into twcache.change (everything)
                select true
                  from (select null::boolean as messageid, null::boolean as action) as missing,
                       lateral (select messageid, action from new_rows) as r
                 where not (twcache.is_key(r.messageid) and twcache.is_action(case when false then r.action end))
                 limit 1;
                if not found then
                    return new;
                end if;
            end if;
        end if;
        if not pg_catalog.pg_try_advisory_xact_lock_shared(1951, 2)
                and pg_catalog.clock_timestamp() operator(pg_catalog.<=) pg_catalog.to_timestamp(pg_catalog.pg_sequence_last_value('twcache.listening')) then
            perform pg_catalog.pg_notify('twcache', '');
        end if;
    end if;
    return new;
end
$$;

-- Where the table is its own log of what is inserted (twcache.log_form), a column with a default does what the function above does; what is left is
-- to ring. When in the transaction that is done does not matter, because the lock is held and the notification goes out at its end.
create or replace function twcache.activity_arrived() returns trigger
language plpgsql security definer as $$
begin
    if not pg_catalog.pg_try_advisory_xact_lock_shared(1951, 2)
            and pg_catalog.clock_timestamp() operator(pg_catalog.<=) pg_catalog.to_timestamp(pg_catalog.pg_sequence_last_value('twcache.listening')) then
        perform pg_catalog.pg_notify('twcache', '');
    end if;
    return new;
end
$$;

-- A row that is inserted with a value of its own, as from an archive, is of this transaction all the same; and an update leaves the value as it was. The triggers'
-- conditions are why the column cannot be dropped without them.
create or replace function twcache.activity_recorded() returns trigger
language plpgsql security definer as $$
begin
    if tg_op operator(pg_catalog.=) 'INSERT' then
        new.recorded_by := pg_catalog.pg_current_xact_id();
    else
        new.recorded_by := old.recorded_by;
    end if;
    return new;
exception
    when undefined_column then
        -- It was renamed, which is told as a problem.
        return new;
end
$$;

create or replace function twcache.activity_deleted() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if clock_timestamp() <= to_timestamp(pg_sequence_last_value('twcache.lease')) is not true then
        return null;
    end if;
    insert into twcache.change (messageid, old_xid, datetime, rts, favs, de_rts, de_favs, everything)
    select case when known then messageid end, case when known then old_xid end, case when known then slot end,
           case when known then count(*) filter (where label = 'de-rt')  - count(*) filter (where label = 'rt') else 0 end,
           case when known then count(*) filter (where label = 'de-fav') - count(*) filter (where label = 'fav') else 0 end,
           case when known then -count(*) filter (where label = 'de-rt') else 0 end,
           case when known then -count(*) filter (where label = 'de-fav') else 0 end,
           not known
      from (select twcache.as_key(r.messageid) as messageid, twcache.as_xid(r.recorded_by) as old_xid, r.action::text as label, twcache.slot_of(twcache.as_time(r.datetime)) as slot,
                   twcache.is_key(r.messageid) and twcache.is_action(case when false then r.action end) as known
              from (select null::boolean as messageid, null::boolean as action, null::boolean as datetime, null::boolean as recorded_by) as missing,
                   lateral (select messageid, action, datetime, recorded_by from old_rows) as r) as o
     where messageid is not null or not known
     group by messageid, old_xid, slot, known;
    if found and not pg_try_advisory_xact_lock_shared(1951, 2) and clock_timestamp() <= to_timestamp(pg_sequence_last_value('twcache.listening')) then
        perform pg_notify('twcache', '');
    end if;
    return null;
end
$$;

-- An update may move an activity to another message, or change its action.
create or replace function twcache.activity_updated() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if clock_timestamp() <= to_timestamp(pg_sequence_last_value('twcache.lease')) is not true then
        return null;
    end if;
    insert into twcache.change (messageid, old_xid, datetime, rts, favs, de_rts, de_favs, everything)
    select case when known then messageid end, case when known then old_xid end, case when known then slot end,
           case when known then rts - de_rts else 0 end, case when known then favs - de_favs else 0 end,
           case when known then de_rts else 0 end, case when known then de_favs else 0 end, not known
      from (select messageid, old_xid, slot, known,
                   coalesce(sum(sign) filter (where label = 'rt'), 0) as rts, coalesce(sum(sign) filter (where label = 'de-rt'), 0) as de_rts,
                   coalesce(sum(sign) filter (where label = 'fav'), 0) as favs, coalesce(sum(sign) filter (where label = 'de-fav'), 0) as de_favs
              from (select twcache.as_key(r.messageid) as messageid, twcache.as_xid(r.recorded_by) as old_xid, r.action::text as label, r.sign,
                           twcache.slot_of(twcache.as_time(r.datetime)) as slot,
                           twcache.is_key(r.messageid) and twcache.is_action(case when false then r.action end) as known
                      from (select null::boolean as messageid, null::boolean as action, null::boolean as datetime, null::boolean as recorded_by) as missing,
                           lateral (select messageid, action, datetime, recorded_by, 1 as sign from new_rows
                                     union all
                                    select messageid, action, datetime, recorded_by, -1 from old_rows) as r) as both_rows
             where messageid is not null or not known
             group by messageid, old_xid, slot, known) as net
     where (rts, de_rts, favs, de_favs) <> (0, 0, 0, 0) or not known;
    if found and not pg_try_advisory_xact_lock_shared(1951, 2) and clock_timestamp() <= to_timestamp(pg_sequence_last_value('twcache.listening')) then
        perform pg_notify('twcache', '');
    end if;
    return null;
end
$$;

create or replace function twcache.message_inserted() returns trigger
language plpgsql security definer as $$
declare
    written bigint;
begin
    if pg_catalog.clock_timestamp() operator(pg_catalog.<=) pg_catalog.to_timestamp(pg_catalog.pg_sequence_last_value('twcache.lease')) then
        insert into twcache.change (messageid, born)
        select twcache.as_key(r.messageid), 1
          from (select null::boolean as messageid) as missing, lateral (select messageid from new_rows) as r
         where twcache.is_key(r.messageid) and r.messageid is not null;
        get diagnostics written = row_count;
        if written operator(pg_catalog.=) 0 then
            insert into twcache.change (everything)
            select true
              from (select null::boolean as messageid) as missing, lateral (select messageid from new_rows) as r
             where not twcache.is_key(r.messageid)
             limit 1;
            get diagnostics written = row_count;
        end if;
        if written operator(pg_catalog.>) 0 and not pg_catalog.pg_try_advisory_xact_lock_shared(1951, 2)
                and pg_catalog.clock_timestamp() operator(pg_catalog.<=) pg_catalog.to_timestamp(pg_catalog.pg_sequence_last_value('twcache.listening')) then
            perform pg_catalog.pg_notify('twcache', '');
        end if;
    end if;
    return new;
end
$$;

create or replace function twcache.message_deleted() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if clock_timestamp() <= to_timestamp(pg_sequence_last_value('twcache.lease')) is not true then
        return null;
    end if;
    insert into twcache.change (messageid, born, everything)
    select case when known then messageid end, case when known then -count(*) else 0 end, not known
      from (select twcache.as_key(r.messageid) as messageid, twcache.is_key(r.messageid) as known
              from (select null::boolean as messageid) as missing, lateral (select messageid from old_rows) as r) as o
     where messageid is not null or not known
     group by messageid, known;
    if found and not pg_try_advisory_xact_lock_shared(1951, 2) and clock_timestamp() <= to_timestamp(pg_sequence_last_value('twcache.listening')) then
        perform pg_notify('twcache', '');
    end if;
    return null;
end
$$;

create or replace function twcache.truncated() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if clock_timestamp() <= to_timestamp(pg_sequence_last_value('twcache.lease')) is not true then
        return null;
    end if;
    insert into twcache.change (everything) values (true);
    if not pg_try_advisory_xact_lock_shared(1951, 2) and clock_timestamp() <= to_timestamp(pg_sequence_last_value('twcache.listening')) then
        perform pg_notify('twcache', '');
    end if;
    return null;
end
$$;

-- A row's key, where it is a whole number; null where it is none. JSON, because the cached plan of a
-- query over OLD or NEW would fail when the table has got other columns.
create or replace function twcache.key_of(row_json jsonb) returns bigint
language sql immutable set search_path = pg_catalog, pg_temp as $$
    select case when jsonb_typeof(row_json -> 'messageid') = 'number' and (row_json ->> 'messageid')::numeric between -9223372036854775808 and 9223372036854775807
                 and (row_json ->> 'messageid') !~ '\.'
                then (row_json ->> 'messageid')::bigint end
$$;

-- Whether a table has an action that is one, so that a label which counts for nothing does so by intent.
create or replace function twcache.tells_actions(relation oid) returns bool
language sql stable set search_path = pg_catalog, pg_temp as $$
    select exists (
        select
          from pg_attribute a
          join pg_type d on d.oid = a.atttypid
          join pg_type t on t.oid = coalesce(nullif(d.typbasetype, 0), d.oid)
         where a.attrelid = relation and a.attname = 'action' and not a.attisdropped
           and case when t.typtype = 'e' then (select count(*) from pg_enum where enumtypid = t.oid and enumlabel in ('rt', 'fav', 'de-rt', 'de-fav')) = 4
                    else t.oid in ('text'::regtype, 'varchar'::regtype) end)
$$;

-- The triggers of partitioned tables, and of tables with children or parents, are for each row:
-- a statement that names another table of the tree, or moves a row to another partition, fires no
-- statement trigger of this one. A move is a deletion there and an insertion here.
-- Each change says its table: one that came and went between two looks of a cache is not counted by it.
-- A row that cannot be read as JSON must not fail the application's statement; nothing is written within that
-- block, so that it takes no transaction id.
create or replace function twcache.activity_row_changed() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    new_row jsonb;
    old_row jsonb;
begin
    if clock_timestamp() <= to_timestamp(pg_sequence_last_value('twcache.lease')) is not true then
        return null;
    end if;
    begin
        new_row := case when tg_op <> 'DELETE' then to_jsonb(new) end;
        old_row := case when tg_op <> 'INSERT' then to_jsonb(old) end;
    exception when others then
        new_row := '{}';
    end;
    insert into twcache.change (messageid, old_xid, datetime, rts, favs, de_rts, de_favs, everything, relid)
    select case when known then messageid end, case when known then old_xid end, case when known then time end,
           case when known then rts - de_rts else 0 end, case when known then favs - de_favs else 0 end,
           case when known then de_rts else 0 end, case when known then de_favs else 0 end, not known, tg_relid
      from (select messageid, old_xid, time, known,
                   coalesce(sum(sign) filter (where label = 'rt'), 0) as rts, coalesce(sum(sign) filter (where label = 'de-rt'), 0) as de_rts,
                   coalesce(sum(sign) filter (where label = 'fav'), 0) as favs, coalesce(sum(sign) filter (where label = 'de-fav'), 0) as de_favs
              from (select twcache.key_of(r) as messageid, twcache.as_xid(r -> 'recorded_by') as old_xid, r ->> 'action' as label, twcache.time_of(r) as time, sign,
                           (jsonb_typeof(r -> 'messageid') = 'null' or twcache.key_of(r) is not null) is true
                           and (r ->> 'action' in ('rt', 'fav', 'de-rt', 'de-fav') or twcache.tells_actions(tg_relid)) is true as known
                      from (values (new_row, 1), (old_row, -1)) as v (r, sign)
                     where r is not null) as both_rows
             where messageid is not null or not known
             group by messageid, old_xid, time, known) as net
     where (rts, de_rts, favs, de_favs) <> (0, 0, 0, 0) or not known;
    if found and not pg_try_advisory_xact_lock_shared(1951, 2) and clock_timestamp() <= to_timestamp(pg_sequence_last_value('twcache.listening')) then
        perform pg_notify('twcache', '');
    end if;
    return null;
end
$$;

-- For each row, also where the others are not: only a message whose key has changed comes here. It is one that goes and
-- one that comes; the foreign key's cascade moves the activity, by the triggers above.
create or replace function twcache.message_row_changed() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    new_row jsonb;
    old_row jsonb;
begin
    if clock_timestamp() <= to_timestamp(pg_sequence_last_value('twcache.lease')) is not true then
        return null;
    end if;
    begin
        new_row := case when tg_op <> 'DELETE' then to_jsonb(new) end;
        old_row := case when tg_op <> 'INSERT' then to_jsonb(old) end;
    exception when others then
        new_row := '{}';
    end;
    insert into twcache.change (messageid, born, everything, relid)
    select twcache.key_of(r), case when twcache.key_of(r) is null then 0 else sign end, twcache.key_of(r) is null, tg_relid
      from (values (new_row, 1), (old_row, -1)) as v (r, sign)
     where r is not null and coalesce(jsonb_typeof(r -> 'messageid'), '') <> 'null';
    if found and not pg_try_advisory_xact_lock_shared(1951, 2) and clock_timestamp() <= to_timestamp(pg_sequence_last_value('twcache.listening')) then
        perform pg_notify('twcache', '');
    end if;
    return null;
end
$$;

revoke execute on all functions in schema twcache from public;

-- The tables whose rows are counted: two trees of partitions or children, mostly of one table each.
-- form: of their triggers: statement (an ordinary table by itself), each (partitioned: the partitions get
-- theirs from the root), row (with children, or a child or partition itself).
create or replace view twcache.counted_table as
with recursive root (root, relid) as (
    select root, relid
      from (values ('message', to_regclass('tweet.message')::oid), ('activity', to_regclass('tweet.activity')::oid)) as r (root, relid)
     where relid is not null
), tree (root, relid) as (
    select root, relid from root
     union
    select t.root, i.inhrelid from tree t join pg_inherits i on i.inhparent = t.relid
)
select t.root, t.relid, c.relkind, t.relid = r.relid as is_root, c.relispartition as is_partition,
       case when rc.relkind = 'p' then 'each'
            when count(*) over (partition by t.root) > 1 or exists (select from pg_inherits where inhrelid = r.relid) then 'row'
            else 'statement' end as form
  from tree t
  join root r on r.root = t.root
  join pg_class c on c.oid = t.relid
  join pg_class rc on rc.oid = r.relid;

-- The triggers of each form (null: of all), in the words of create trigger, and as pg_trigger has them (type: 1 for each
-- row, 2 before, 4 insert, 8 delete, 16 update, 32 truncate). log: of one form of the log only (twcache.log_form); null: of both.
-- The names of those that come before begin with zz, because triggers fire in the order of their names: nobody changes the column after them.
create or replace view twcache.trigger_form as
select root, form, name::name as name, function, type::smallint as type, event, referencing, condition, log
  from (values
          ('activity', 'statement', 'twcache_activity_insert',      'activity_inserted',     4, 'insert', 'referencing new table as new_rows', '', 'change'),
          ('activity', 'statement', 'twcache_activity_delete',      'activity_deleted',      8, 'delete', 'referencing old table as old_rows', '', null),
          ('activity', 'statement', 'twcache_activity_update',      'activity_updated',     16, 'update', 'referencing old table as old_rows new table as new_rows', '', null),
          ('activity', 'row',       'twcache_activity_row',         'activity_row_changed', 29, 'insert or delete or update', '', '', 'change'),
          ('activity', 'each',      'twcache_activity_each',        'activity_row_changed', 29, 'insert or delete or update', '', '', 'change'),
          ('activity', 'row',       'twcache_activity_row',         'activity_row_changed', 25, 'delete or update', '', '', 'table'),
          ('activity', 'each',      'twcache_activity_each',        'activity_row_changed', 25, 'delete or update', '', '', 'table'),
          ('activity', 'statement', 'twcache_activity_insert',      'activity_arrived',      6, 'insert', '', '', 'table'),
          ('activity', 'statement', 'zz_twcache_activity_insert',   'activity_recorded',     7, 'insert', '', 'when (new.recorded_by is distinct from pg_catalog.pg_current_xact_id())', 'table'),
          ('activity', 'statement', 'zz_twcache_activity_update',   'activity_recorded',    19, 'update', '', 'when (new.recorded_by is distinct from old.recorded_by)', 'table'),
          ('activity', 'row',       'twcache_activity_insert_row', 'activity_arrived',      7, 'insert', '', '', 'table'),
          ('activity', 'row',       'zz_twcache_activity_insert_row', 'activity_recorded',   7, 'insert', '', 'when (new.recorded_by is distinct from pg_catalog.pg_current_xact_id())', 'table'),
          ('activity', 'row',       'zz_twcache_activity_update_row', 'activity_recorded',  19, 'update', '', 'when (new.recorded_by is distinct from old.recorded_by)', 'table'),
          ('activity', 'each',      'twcache_activity_insert_each', 'activity_arrived',     7, 'insert', '', '', 'table'),
          ('activity', 'each',      'zz_twcache_activity_insert_each', 'activity_recorded',  7, 'insert', '', 'when (new.recorded_by is distinct from pg_catalog.pg_current_xact_id())', 'table'),
          ('activity', 'each',      'zz_twcache_activity_update_each', 'activity_recorded', 19, 'update', '', 'when (new.recorded_by is distinct from old.recorded_by)', 'table'),
          ('activity', null,        'twcache_activity_truncate',    'truncated',            32, 'truncate', '', '', null),
          ('message',  'statement', 'twcache_message_insert',       'message_inserted',      4, 'insert', 'referencing new table as new_rows', '', null),
          ('message',  'statement', 'twcache_message_delete',       'message_deleted',       8, 'delete', 'referencing old table as old_rows', '', null),
          ('message',  'statement', 'twcache_message_key',          'message_row_changed',  17, 'update', '', 'when (old.messageid is distinct from new.messageid)', null),
          ('message',  'row',       'twcache_message_row',          'message_row_changed',  13, 'insert or delete', '', '', null),
          ('message',  'row',       'twcache_message_key_row',      'message_row_changed',  17, 'update', '', 'when (old.messageid is distinct from new.messageid)', null),
          ('message',  'each',      'twcache_message_each',         'message_row_changed',  13, 'insert or delete', '', '', null),
          ('message',  'each',      'twcache_message_key_each',     'message_row_changed',  17, 'update', '', 'when (old.messageid is distinct from new.messageid)', null),
          ('message',  null,        'twcache_message_truncate',     'truncated',            32, 'truncate', '', '', null)
       ) as f (root, form, name, function, type, event, referencing, condition, log)
 where log is null or log = twcache.log_form();

-- The triggers that there must be.
create or replace view twcache.needed_trigger as
select t.root, t.relid, t.is_root, f.form, f.name, f.function, to_regproc('twcache.' || f.function)::oid as function_oid, f.type, f.event, f.referencing, f.condition
  from twcache.counted_table t
  join twcache.trigger_form f on f.root = t.root and (f.form is null or f.form = t.form);

-- Our triggers, by the functions that they call; those of earlier versions, too.
create or replace view twcache.present_trigger as
select t.oid, t.tgrelid as relid, t.tgname as name, t.tgfoid as function_oid, t.tgtype as type, t.tgenabled as enabled, t.tgparentid <> 0 as is_clone,
       t.tgqual is not null as has_condition
  from (select to_regproc('twcache.' || f)::oid as oid
          from unnest('{activity_inserted,activity_arrived,activity_recorded,activity_deleted,activity_updated,activity_row_changed,message_inserted,message_deleted,message_row_changed,truncated,
                        record_activity_insert,record_activity_delete,record_activity_update,record_message_insert,record_message_delete,record_message_key,record_truncate}'::text[]) as f) as p
  join pg_depend d on d.refclassid = 'pg_proc'::regclass and d.refobjid = p.oid and d.classid = 'pg_trigger'::regclass
  join pg_trigger t on t.oid = d.objid;

-- Brings the triggers to where they are needed: for tables, partitions and children that have come or
-- gone, and for databases of earlier versions. Answers what it has done. It enables none that somebody has disabled, and
-- leaves alone the tables that have one. Safe for whoever may run it: it does nothing but this, and waits for a lock only for a moment.
create or replace function twcache.install_triggers() returns text[]
language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '40ms' as $$
declare
    done text[] := '{}';
    step record;
begin
    for step in
        select p.relid::regclass as relation, p.name
          from twcache.present_trigger p
         where not p.is_clone
           and not exists (select from twcache.needed_trigger n where n.relid = p.relid and n.name = p.name)
           and not exists (select
                             from twcache.present_trigger other
                             join twcache.counted_table t on t.relid = other.relid
                            where other.relid = p.relid and other.enabled in ('D', 'R'))
         order by p.relid::regclass::text, p.name
    loop
        begin
            execute format('drop trigger %I on %s', step.name, step.relation);
            done := done || format('dropped trigger %I on %s', step.name, step.relation);
        exception
            when insufficient_privilege then
                raise notice 'trigger % on % is not dropped: %', step.name, step.relation, sqlerrm;
        end;
    end loop;

    for step in
        select n.relid::regclass as relation, n.name,
               format('create or replace trigger %I %s %s on %s %s for each %s %s execute function twcache.%I()',
                   n.name, case when n.type & 2 = 2 then 'before' else 'after' end, n.event, n.relid::regclass, n.referencing, case when n.type & 1 = 1 then 'row' else 'statement' end, n.condition, n.function) as statement
          from twcache.needed_trigger n
         where (n.is_root or n.form is distinct from 'each')
           and not exists (select
                             from pg_trigger t
                            where t.tgrelid = n.relid and t.tgname = n.name
                              and (t.tgfoid = n.function_oid and t.tgtype = n.type or t.oid not in (select oid from twcache.present_trigger)))
           and not exists (select from twcache.present_trigger p where p.relid = n.relid and p.enabled in ('D', 'R'))
         order by n.relid::regclass::text, n.name
    loop
        execute step.statement;
        done := done || format('created trigger %I on %s', step.name, step.relation);
    end loop;

    for step in
        select p.relid::regclass as relation, p.name
          from twcache.present_trigger p
          join twcache.counted_table t on t.relid = p.relid
         where p.enabled = 'O'
         order by p.relid::regclass::text, p.name
    loop
        execute format('alter table only %s enable always trigger %I', step.relation, step.name);
        done := done || format('set trigger %I on %s to always', step.name, step.relation);
    end loop;
    return done;
end
$$;
revoke execute on function twcache.install_triggers() from public;

do $$ begin perform twcache.install_triggers(); end $$;

-- What earlier versions' triggers called, unless one that is disabled still does.
do $$
declare
    old_name text;
begin
    foreach old_name in array '{record_activity_insert,record_activity_delete,record_activity_update,record_message_insert,record_message_delete,record_message_key,record_truncate}'::text[] loop
        if to_regproc('twcache.' || old_name) is not null and not exists (select from pg_trigger where tgfoid = to_regproc('twcache.' || old_name)) then
            execute format('drop function twcache.%I()', old_name);
        end if;
    end loop;
end
$$;

-- Installed by a superuser, the functions that read the tables' rows go to the tables' owner, because to read a value of
-- a type that somebody has defined may run code of whoever did, with the rights of the function's owner.
do $$
declare
    step record;
begin
    for step in
        select p.oid::regprocedure as function, o.rolname as new_owner
          from pg_proc p
          join pg_roles r on r.oid = p.proowner and r.rolsuper
          join pg_class c on c.oid = case when p.proname like 'message%' then to_regclass('tweet.message') else to_regclass('tweet.activity') end
          join pg_roles o on o.oid = c.relowner and not o.rolsuper
         where p.pronamespace = 'twcache'::regnamespace
           and p.proname in ('activity_inserted', 'activity_arrived', 'activity_recorded', 'activity_deleted', 'activity_updated', 'activity_row_changed', 'message_inserted', 'message_deleted', 'message_row_changed')
    loop
        execute format('grant usage on schema twcache to %I', step.new_owner);
        execute format('grant insert on twcache.change to %I', step.new_owner);
        execute format('grant select on twcache.lease, twcache.listening to %I', step.new_owner);
        execute format('grant execute on function twcache.is_key(smallint), twcache.is_key(int), twcache.is_key(bigint), twcache.is_key(anyelement),
                                                  twcache.as_key(smallint), twcache.as_key(int), twcache.as_key(bigint), twcache.as_key(anyelement),
                                                  twcache.is_action(anyelement), twcache.as_action(anyelement, text), twcache.key_of(jsonb), twcache.tells_actions(oid),
                                                  twcache.as_xid(xid8), twcache.as_xid(jsonb), twcache.as_xid(anyelement),
                                                  twcache.as_time(timestamptz), twcache.as_time(timestamp), twcache.as_time(date), twcache.as_time(anyelement), twcache.time_of(jsonb), twcache.slot_of(timestamptz) to %I', step.new_owner);
        execute format('alter function %s owner to %I', step.function, step.new_owner);
    end loop;
end
$$;

select twcache.finish_file('920_triggers.sql', 3);
commit;
