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
begin read write;
set local statement_timeout = 0;
set local idle_in_transaction_session_timeout = 0;
select pg_advisory_xact_lock(1951, 1);
set local lock_timeout = '40ms';

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

select twcache.finish_file('010_check.sql', 1);
commit;
