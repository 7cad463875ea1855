-- From one form of the log to the other.
begin isolation level read committed read write;
set local statement_timeout = 0;
select twcache.start_file('936_set_log.sql', 1);

-- Makes tweet.activity its own log ('table': it gets a column and an index), or has triggers write a log beside it ('change'; column and index
-- stay, and may be dropped). For the owner of the tables. It holds up writers for a moment only, because the table is not rewritten, and the index of a large
-- one is for the caller to create beside them. Caches load afresh.
-- done: false where a statement (next) is to be run first, outside a transaction; then call this again.
-- The column is made anew where it has transaction ids that are not of this server, as a restore brings them.
create or replace function twcache.set_log(form text, out done bool, out next text)
language plpgsql set search_path = pg_catalog, pg_temp set lock_timeout = '40ms' set row_security = off as $$
declare
    few        constant int := 10000;
    counted    record;
    index      record;
    found_rows bigint;
    present    bool := exists (select from pg_attribute where attrelid = 'tweet.activity'::regclass and attname = 'recorded_by' and not attisdropped);
begin
    if form is null or form not in ('change', 'table') then
        raise exception 'the log is change or table, and not %', coalesce(form, 'null') using errcode = 'invalid_parameter_value';
    end if;
    if pg_current_xact_id_if_assigned() is not null or current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'twcache.set_log() needs a transaction of its own, of the isolation level read committed' using errcode = 'active_sql_transaction';
    end if;
    done := true;
    if form = 'change' and twcache.log_form() = 'change' then
        return;
    end if;
    perform pg_advisory_xact_lock(1951, 1);

    if form = 'table' then
        if present and (select atttypid from pg_attribute where attrelid = 'tweet.activity'::regclass and attname = 'recorded_by') <> 'xid8'::regtype then
            raise exception 'column tweet.activity.recorded_by is somebody else''s: it is not of type xid8. Rename it' using errcode = 'object_not_in_prerequisite_state';
        end if;
        if present then
            lock table tweet.message, tweet.activity in share row exclusive mode;
            -- No writer is open: what is not of the past is not of this server.
            if exists (select from tweet.activity where recorded_by >= pg_snapshot_xmin(pg_current_snapshot()) and not pg_visible_in_snapshot(recorded_by, pg_current_snapshot())) then
                -- Without cascade, because views of others may stand on it.
                for counted in select relid::regclass as name, p.name as trigger_name from twcache.present_trigger p where p.name like 'zz%' and not p.is_clone loop
                    execute format('drop trigger %I on %s', counted.trigger_name, counted.name);
                end loop;
                alter table tweet.activity drop column recorded_by;
                present := false;
            elsif twcache.log_form() = 'table' and cardinality(twcache.problems()) = 0 then
                return;
            end if;
        end if;
        if not present then
            -- Without a default, which would rewrite the table.
            alter table tweet.activity add column recorded_by xid8;
        end if;

        -- A partitioned table has one index, which makes those of its partitions; children of a table have each their own.
        for counted in select relid::regclass as name, relkind from twcache.counted_table where root = 'activity' and (is_root or counted_table.form = 'row') order by relid loop
            select i.indexrelid::regclass as name, i.indisvalid as is_valid into index
              from pg_index i
              join pg_attribute a on a.attrelid = i.indrelid and a.attname = 'recorded_by' and a.attnum = i.indkey[0]
              join pg_class c on c.oid = i.indexrelid
              join pg_am m on m.oid = c.relam and m.amname = 'btree'
             where i.indrelid = counted.name and (i.indpred is null or pg_get_expr(i.indpred, i.indrelid) = '(recorded_by IS NOT NULL)')
             order by i.indisvalid desc
             limit 1;
            continue when index.is_valid;
            execute format('select count(*) from (select from %s limit %s) as few_rows', counted.name, few + 1) into found_rows;
            if index.name is null and found_rows <= few then
                execute format('create index on %s (recorded_by) where recorded_by is not null', counted.name);
            elsif counted.relkind = 'p' then
                raise exception '% is partitioned, and large. Run before: alter table % add column if not exists recorded_by xid8; create index on only % (recorded_by) where recorded_by is not null; then for each partition: create index concurrently on it, likewise, and alter index ... attach partition ...', counted.name, counted.name, counted.name
                    using errcode = 'object_not_in_prerequisite_state';
            else
                done := false;
                next := case when index.name is not null then format('drop index concurrently %s', index.name)
                             else format('create index concurrently on %s (recorded_by) where recorded_by is not null', counted.name) end;
                return;
            end if;
        end loop;
        alter table tweet.activity alter column recorded_by set default pg_catalog.pg_current_xact_id();
    else
        lock table tweet.message, tweet.activity in share row exclusive mode;
        if present then
            alter table tweet.activity alter column recorded_by drop default;
        end if;
    end if;

    -- The conditions of the guards may be of a column that was renamed.
    for counted in select relid::regclass as name, p.name as trigger_name from twcache.present_trigger p where p.name like 'zz%' and not p.is_clone loop
        execute format('drop trigger %I on %s', counted.trigger_name, counted.name);
    end loop;
    perform twcache.make_log(form);
    perform twcache.install_triggers();
    perform twcache.note_definitions();
    -- For readers with a snapshot of before, which have the functions of now: a sequence is outside of snapshots.
    perform setval('twcache.lapse', greatest(last_value + 1, (1e6 * extract(epoch from clock_timestamp()))::bigint)) from twcache.lapse;
    delete from twcache.consumer;
    perform twcache.reload();
end
$$;
revoke execute on function twcache.set_log(text) from public;

select twcache.finish_file('936_set_log.sql', 1);
commit;
