-- The record of which of these files a database holds. Each file runs in one
-- transaction of its own, under one lock, and may be run again without harm,
-- by the service at its start or by: psql -v ON_ERROR_STOP=1 -f FILE
begin;
select pg_advisory_xact_lock(1951, 1);

create schema if not exists twcache;

create table if not exists twcache.schema_file (
    name       text        primary key,
    applied_at timestamptz not null default now()
);

insert into twcache.schema_file (name) values ('001_schema_files.sql') on conflict do nothing;
commit;
