-- What the triggers write and the caches read.
begin;
select pg_advisory_xact_lock(1951, 1);

-- What statements changed, appended in the writer's transaction: an insert's rows
-- each by itself, of other statements a row per message.
-- All columns add up, so the order within a transaction does not matter.
-- Unlogged: a crash empties it, which every cache notices by change_identity.
create unlogged table if not exists twcache.change (
    xid       xid8   not null default pg_current_xact_id(),
    messageid bigint,                     -- null: everything changed (TRUNCATE), load afresh
    rts       bigint not null default 0,
    favs      bigint not null default 0,
    born      int    not null default 0   -- +1 the message was created, -1 it was deleted
);
create index if not exists change_xid_idx on twcache.change (xid);
-- What is trimmed gives its room back at a vacuum: at each that comes, whatever the
-- table's size, and without the lock that cutting the file short would take.
alter table twcache.change set (
    autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);

-- The epoch second until which changes are recorded. A sequence, because its
-- value is outside every snapshot: a repeatable-read writer would see a table's
-- old row, and would not record for a cache that began after its snapshot.
create sequence if not exists twcache.lease minvalue 0 start 0;

-- How often the lease has lapsed, so that changes went unrecorded. A sequence too:
-- it must outlive the rollback of whoever finds out, as the lease does.
create sequence if not exists twcache.lapse minvalue 0 start 0;

-- Names the log's generation. Missing or different: changes may be missing too,
-- and every cache loads afresh. To make all caches load afresh by hand:
--   update twcache.change_identity set id = gen_random_uuid();
create unlogged table if not exists twcache.change_identity (
    singleton bool primary key default true check (singleton),
    id        uuid not null default gen_random_uuid()
);

-- The live caches. What is visible in a cache's snapshot, it no longer needs.
-- instance: the service that the consumer is of; the names of its sessions end with it.
create unlogged table if not exists twcache.consumer (
    name       text        primary key,
    instance   text        not null,
    snapshot   pg_snapshot not null,
    loaded     bool        not null,
    lapse      bigint      not null,      -- twcache.lapse when it registered
    seen_at    timestamptz not null,
    expires_at timestamptz not null
);

insert into twcache.schema_file (name) values ('003_change_log.sql') on conflict do nothing;
commit;
