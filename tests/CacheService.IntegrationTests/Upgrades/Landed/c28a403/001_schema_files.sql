-- The record of which of these files a database holds. Each file runs in one
-- transaction of its own and may be run again without harm, by the service at
-- its start or by: psql -v ON_ERROR_STOP=1 -f FILE
--
-- Advisory locks of this product have the class 1951:
--   1 SCHEMA   whoever runs one of these files
--   2 ASLEEP   exclusive: a sleeping cache; shared: transactions that changed counts
--   3 RINGER   the cache that uses ASLEEP
--   4 LEASE    whoever registers, or renews the lease
--   5 TRIM     whoever trims the change log
begin;
select pg_advisory_xact_lock(1951, 1);

create schema if not exists twcache;

create table if not exists twcache.schema_file (
    name       text        primary key,
    applied_at timestamptz not null default now()
);

insert into twcache.schema_file (name) values ('001_schema_files.sql') on conflict do nothing;
commit;
