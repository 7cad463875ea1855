-- Looks at what is there before anything is created, and says all that is wrong in one
-- message; then makes the record of which of these files a database holds.
--
-- Run the files in the order of their names, as the owner of the application's tables:
--   for f in sql/*.sql; do psql -v ON_ERROR_STOP=1 -f "$f" || break; done
-- Each runs in one transaction of its own, and may be run again without harm; without this
-- one, none of the others runs. The service runs all that a database lacks in one transaction.
-- The files below 900 are steps: their text never changes. The others are definitions: with
-- each change of their text their version rises, and they are applied again.
--
-- Advisory locks of this product have the class 1951:
--   1 SCHEMA   whoever runs one of these files
--   2 ASLEEP   exclusive: a sleeping cache; shared: transactions that changed counts
--   3 RINGER   the cache that uses ASLEEP
-- and the class 1952: the run of a job, by the job's number.
begin isolation level read committed read write;
set local statement_timeout = 0;
set local lock_timeout = 0;
set local idle_in_transaction_session_timeout = 0;
select pg_advisory_xact_lock(1951, 1);
set local lock_timeout = '40ms';

do $$
declare
    -- With their versions. A database that has others has been set up by a later version.
    known_files constant jsonb := '{
        "001_schema_files.sql": 1, "002_tweet.sql": 1, "003_change_log.sql": 1, "004_consumers.sql": 1, "005_triggers.sql": 1, "006_roles.sql": 1,
        "010_check.sql": 4, "020_application.sql": 1, "030_change_log.sql": 1, "040_rollup.sql": 1, "050_table_log.sql": 1, "060_days.sql": 1, "070_jobs.sql": 1,
        "905_baseline.sql": 2, "906_days.sql": 1, "910_functions.sql": 3, "915_changes.sql": 2, "920_triggers.sql": 4, "930_view.sql": 1, "932_rollup.sql": 2, "935_problems.sql": 4,
        "936_set_log.sql": 1, "940_roles.sql": 3, "950_jobs.sql": 1}';
    message  oid;
    activity oid;
    counters oid;
    later    text;
    wrong    text[] := '{}';
    more     text[];
begin
    if current_setting('server_version_num')::int < 140000 then
        raise exception 'PostgreSQL % is too old: version 14 or newer is needed', current_setting('server_version') using errcode = 'object_not_in_prerequisite_state';
    end if;

    -- By the catalog and not by to_regclass, which may not look into a schema that this role may not use.
    select c.oid into message  from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'tweet' and c.relname = 'message';
    select c.oid into activity from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'tweet' and c.relname = 'activity';
    select c.oid into counters from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'tweet' and c.relname = 'message_with_counters';

    -- Who may do it. Everything else is told to whoever asks.
    with recursive tree (relid) as (
        select oid from unnest(array[message, activity]) as t (oid) where oid is not null
         union
        select i.inhrelid from tree t join pg_inherits i on i.inhparent = t.relid
    ), owned (name, owner) as (
        select format('schema %I', nspname), nspowner from pg_namespace where nspname in ('twcache', 'twjobs')
         union all
        select format('%I.%I', n.nspname, c.relname), c.relowner
          from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where c.oid in (select relid from tree) or n.nspname in ('twcache', 'twjobs') and c.relkind in ('r', 'S', 'v')
         union all
        select format('function %I.%I', n.nspname, p.proname), p.proowner
          from pg_proc p join pg_namespace n on n.oid = p.pronamespace
         where n.nspname = 'twcache'
    ), others (words) as (
        select format('%s %s to role %I and not to %I: as %I or a superuser run psql -v ON_ERROR_STOP=1 -f sql/010_check.sql (and the files after it)%s, then: grant twcache_reader to %I',
                   case when count(*) > 3 then format('%s and %s others', min(name), count(*) - 1) else string_agg(name, ', ' order by name) end,
                   case when count(*) > 1 then 'belong' else 'belongs' end, pg_get_userbyid(owner), current_user, pg_get_userbyid(owner),
                   case when has_database_privilege(owner, current_database(), 'create') then ''
                        else format(', for which it needs: grant create on database %I to %I', current_database(), pg_get_userbyid(owner)) end, session_user)
          from owned
         where not pg_has_role(owner, 'usage')
         group by owner
    ), lacking (words) as (
        select format('role %I may not create schemas in database %I: grant create on database %I to %I, or as a role that may run psql -v ON_ERROR_STOP=1 -f sql/010_check.sql (and the files after it), then: grant twcache_reader to %I',
                   current_user, current_database(), current_database(), current_user, session_user)
         where (select count(*) from pg_namespace where nspname in ('tweet', 'twcache', 'twjobs')) < 3 and not has_database_privilege(current_database(), 'create')
         union all
        select format('role %I may not create tables and views in schema tweet: grant usage, create on schema tweet to %I', current_user, current_user)
          from pg_namespace n
         where n.nspname = 'tweet' and not (has_schema_privilege(n.oid, 'create') and has_schema_privilege(n.oid, 'usage'))
           and (counters is null or message is null or activity is null
                or not exists (select from pg_class c where c.relnamespace = n.oid and c.relname = 'users'))
    )
    select array_agg(words) into more
      from (select words from others union all select words from lacking where not exists (select from others)) as rights;
    wrong := wrong || coalesce(more, '{}');

    -- Whether it is a later version's.
    if more is null and to_regclass('twcache.schema_file') is not null then
        select string_agg(f.name, ', ' order by f.name) into later
          from (select name, coalesce((to_jsonb(r) ->> 'version')::int, 1) as version from twcache.schema_file r) as f
         where not known_files ? f.name or f.version > (known_files ->> f.name)::int;
        if later is not null then
            raise exception 'a later version of the service has set this database up (%): run that version. Nothing was changed', later
                using errcode = 'object_not_in_prerequisite_state';
        end if;
    end if;

    if message is null and activity is not null then
        wrong := wrong || text 'tweet.activity exists and tweet.message does not: create it, or drop the other to have both created';
    elsif activity is null and message is not null then
        wrong := wrong || text 'tweet.message exists and tweet.activity does not: create it, or drop the other to have both created';
    end if;

    with recursive tree (root, relid) as (
        select oid, oid from unnest(array[message, activity]) as t (oid) where oid is not null
         union
        select t.root, i.inhrelid from tree t join pg_inherits i on i.inhparent = t.relid
    ), kind (words) as (
        select format('%s is a %s: %s', format('%I.%I', n.nspname, c.relname),
                   case c.relkind when 'f' then 'foreign table' when 'v' then 'view' when 'm' then 'materialized view' else 'relation of kind ' || c.relkind::text end,
                   case when t.root = t.relid then 'an ordinary or partitioned table is needed, because only its triggers see every change'
                        else 'its rows can change without a trigger, so it can be no partition or child of a counted table' end)
          from tree t join pg_class c on c.oid = t.relid join pg_namespace n on n.oid = c.relnamespace
         where c.relkind not in ('r', 'p')
         union all
        select format('%I.%I is being detached: end that with alter table ... detach partition ... finalize', n.nspname, c.relname)
          from tree t join pg_inherits i on i.inhrelid = t.relid join pg_class c on c.oid = t.relid join pg_namespace n on n.oid = c.relnamespace
         where i.inhdetachpending
         union all
        select format('%I.%I is filled by logical replication, whose changes fire no statement triggers: use the publisher''s database', n.nspname, c.relname)
          from tree t join pg_subscription_rel r on r.srrelid = t.relid join pg_class c on c.oid = t.relid join pg_namespace n on n.oid = c.relnamespace
    ), needed (relation, relid, name) as (
        select n.relation, c.oid, n.name
          from (values ('message', 'messageid'), ('message', 'userid'), ('message', 'datetime'), ('message', 'message'),
                       ('activity', 'messageid'), ('activity', 'action'), ('users', 'userid'), ('users', 'uname')) as n (relation, name)
          join pg_class c on c.relname = n.relation and c.relnamespace = (select oid from pg_namespace where nspname = 'tweet')
    ), typed as (
        select n.relation, n.name, a.attnum, a.atttypid, coalesce(nullif(d.typbasetype, 0), d.oid) as type
          from needed n
          left join pg_attribute a on a.attrelid = n.relid and a.attname = n.name and not a.attisdropped
          left join pg_type d on d.oid = a.atttypid
    ), columns (words) as (
        select case when type is null then format('column tweet.%s.%s does not exist', relation, name)
                    when name = 'messageid' then format('column tweet.%s.messageid is of type %s: bigint, integer or smallint is needed', relation, format_type(atttypid, null))
                    when name = 'action' then format('column tweet.activity.action is of type %s: an enum with the labels rt, fav, de-rt and de-fav, or text, is needed', format_type(atttypid, null))
                    else format('column tweet.%s.datetime is of type %s: timestamp with or without time zone is needed', relation, format_type(atttypid, null)) end
          from typed
         where type is null
            or name = 'messageid' and type not in ('bigint'::regtype, 'integer'::regtype, 'smallint'::regtype)
            or name = 'datetime' and type not in ('timestamptz'::regtype, 'timestamp'::regtype)
            or name = 'action' and type not in ('text'::regtype, 'varchar'::regtype)
               and not exists (select from pg_type e where e.oid = type and e.typtype = 'e')
    ), action_type (type) as (
        select type from typed where name = 'action'
         union all
        select t.oid from pg_type t join pg_namespace n on n.oid = t.typnamespace where n.nspname = 'tweet' and t.typname = 'action_t' and activity is null
    ), labels (words) as (
        select format('type %s of the actions has no label %L: alter type %s add value %L', format_type(a.type, null), l.label, format_type(a.type, null), l.label)
          from action_type a
          join pg_type e on e.oid = a.type and e.typtype = 'e'
         cross join unnest('{rt,fav,de-rt,de-fav}'::text[]) as l (label)
         where not exists (select from pg_enum where enumtypid = a.type and enumlabel = l.label)
    ), key (words) as (
        select text 'tweet.message has no unique key on messageid alone, without which a message could be counted twice: alter table tweet.message add primary key (messageid)'
          from pg_class c
         where c.oid = message and c.relkind = 'r' and exists (select from typed where relation = 'message' and name = 'messageid' and type is not null)
           and not exists (select from pg_inherits where inhparent = message)
           and not exists (select
                             from pg_index i
                             join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
                            where i.indrelid = message and i.indisunique and i.indisvalid and i.indnkeyatts = 1 and i.indpred is null and i.indexprs is null and a.attname = 'messageid')
    ), view (words) as (
        select format('tweet.message_with_counters is no view%s', case relkind when 'm' then ': a materialized one shows the counts of its last refresh' else '' end)
          from pg_class where oid = counters and relkind <> 'v'
         union all
        select format('view tweet.message_with_counters has no column %s: rename it, and have one created that has messageid, rts and favs', n.name)
          from unnest('{messageid,rts,favs}'::text[]) as n (name)
         where counters is not null and not exists (select from pg_attribute where attrelid = counters and attname = n.name and not attisdropped)
         union all
        select format('view tweet.message_with_counters does not read tweet.%s: it stands on another table, such as one that was renamed. Drop it, and it is created anew', c.relname)
          from pg_class c
         where c.oid in (message, activity) and exists (select from pg_class where oid = counters and relkind = 'v')
           and not exists (select
                             from pg_rewrite r
                             join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refclassid = 'pg_class'::regclass and d.refobjid = c.oid
                            where r.ev_class = counters)
    ), plumbing (words) as (
        select 'schema twcache is somebody else''s: it has a relation change that is not this service''s log. Rename that schema'
          from pg_class c
         where c.relnamespace = (select oid from pg_namespace where nspname = 'twcache') and c.relname = 'change'
           and (c.relkind <> 'r' or exists (select
                                              from unnest('{xid,messageid,rts,favs,born}'::text[]) as n (name)
                                             where not exists (select from pg_attribute where attrelid = c.oid and attname = n.name and not attisdropped)))
    )
    select array_agg(words) into more
      from (select words from kind union all select words from columns union all select words from labels union all select words from key union all select words from view
             union all select words from plumbing) as everything;
    wrong := wrong || coalesce(more, '{}');

    if cardinality(wrong) > 0 then
        raise exception '%', 'This database cannot be used as it is, and nothing was created by sql/010_check.sql and the files after it: '
                || (select string_agg(format('(%s) %s', n, words), '; ' order by n) from unnest(wrong) with ordinality as w (words, n))
            using errcode = 'object_not_in_prerequisite_state';
    end if;
end
$$;

do $$
begin
    if to_regnamespace('twcache') is null then
        create schema twcache;
    end if;
    if to_regclass('twcache.schema_file') is null then
        create table twcache.schema_file (
            name       text        primary key,
            applied_at timestamptz not null default now()
        );
    end if;
    if not exists (select from pg_attribute where attrelid = 'twcache.schema_file'::regclass and attname = 'version' and not attisdropped) then
        alter table twcache.schema_file add column version int not null default 1;
    end if;
end
$$;

-- Begins the transaction of a file: what a role or a database has set must not end it, and what
-- it waits for must not hold up the application for more than a moment. Where the wait is in
-- vain, the file is run again.
create or replace function twcache.start_file(file_name text, file_version int) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    perform set_config('statement_timeout', '0', true), set_config('idle_in_transaction_session_timeout', '0', true),
            set_config('lock_timeout', '0', true), set_config('client_min_messages', 'notice', true);
    perform pg_advisory_xact_lock(1951, 1);
    perform set_config('lock_timeout', '40ms', true);
    if exists (select from twcache.schema_file where name = file_name and version > file_version) then
        raise exception 'a later version of sql/% has been applied to this database: nothing was changed', file_name
            using errcode = 'object_not_in_prerequisite_state';
    end if;
end
$$;

create or replace function twcache.finish_file(file_name text, file_version int) returns void
language sql set search_path = pg_catalog, pg_temp as $$
    insert into twcache.schema_file (name, version) values (file_name, file_version)
        on conflict (name) do update set version = excluded.version, applied_at = excluded.applied_at;
$$;

-- What services of earlier versions look for, so that they do not apply their own files over these.
insert into twcache.schema_file (name)
values ('001_schema_files.sql'), ('002_tweet.sql'), ('003_change_log.sql'), ('004_consumers.sql'), ('005_triggers.sql'), ('006_roles.sql')
    on conflict do nothing;

select twcache.finish_file('010_check.sql', 4);
commit;
