-- What the triggers write and the caches read.
begin isolation level read committed read write;
set local statement_timeout = 0;
select twcache.start_file('030_change_log.sql', 1);

do $$
begin
    -- What statements changed, appended in the writer's transaction.
    -- All columns add up, so the order within a transaction does not matter.
    -- Unlogged: a crash empties it, which every cache notices by change_identity.
    if to_regclass('twcache.change') is null then
        create unlogged table twcache.change (
            xid        xid8   not null default pg_current_xact_id(),
            messageid  bigint,
            rts        bigint not null default 0,
            favs       bigint not null default 0,
            born       int    not null default 0,      -- +1 the message was created, -1 it was deleted
            everything bool   not null default false,  -- everything may have changed: load afresh; messageid is null
            relid      oid                             -- of triggers for each row: the table, which may not be counted any more
        );
    end if;
    if to_regclass('twcache.change_xid_idx') is null then
        create index change_xid_idx on twcache.change (xid);
    end if;

    -- The epoch second until which changes are recorded. A sequence, because its
    -- value is outside every snapshot: a repeatable-read writer would see a table's
    -- old row, and would not record for a cache that began after its snapshot.
    if to_regclass('twcache.lease') is null then
        create sequence twcache.lease minvalue 0 start 0;
    end if;

    -- How often the lease has lapsed, so that changes went unrecorded. A sequence too:
    -- it must outlive the rollback of whoever finds out, as the lease does.
    if to_regclass('twcache.lapse') is null then
        create sequence twcache.lapse minvalue 0 start 0;
    end if;

    -- Names the log's generation. Missing or different: changes may be missing too,
    -- and every cache loads afresh. To make all caches load afresh by hand:
    --   select twcache.reload();
    if to_regclass('twcache.change_identity') is null then
        create unlogged table twcache.change_identity (
            singleton bool primary key default true check (singleton),
            id        uuid not null default gen_random_uuid()
        );
    end if;

    -- The live caches. What is visible in a cache's snapshot, it no longer needs.
    -- instance: the service that the consumer is of; the names of its sessions end with it.
    if to_regclass('twcache.consumer') is null then
        create unlogged table twcache.consumer (
            name       text        primary key,
            instance   text        not null default '',
            snapshot   pg_snapshot not null,
            loaded     bool        not null,
            lapse      bigint      not null,            -- twcache.lapse when it registered
            renewal    bigint      not null default 0,  -- the number of its last renewal
            seen_at    timestamptz not null,
            expires_at timestamptz not null
        );
    end if;

    -- Locks that only twcache's own functions can take: a row each. What an advisory lock
    -- is for elsewhere, anybody could hold, and with it all renewals.
    -- passed: of trim, the xid up to which nothing is left to delete.
    if to_regclass('twcache.mutex') is null then
        create table twcache.mutex (
            name   text primary key,
            passed xid8 not null default '0'
        );
    end if;
    insert into twcache.mutex (name) values ('lease'), ('trim') on conflict do nothing;

    -- The text of the functions that the counts depend on, to tell when somebody has replaced one.
    if to_regclass('twcache.definition') is null then
        create table twcache.definition (
            name   text primary key,
            source text not null
        );
    end if;
end
$$;

-- Databases that earlier versions have set up. The writers hold locks on their own tables before
-- they come to the log: so this does, or each would wait for the other.
do $$
begin
    if (select count(*) from pg_attribute where attrelid = 'twcache.change'::regclass and attname in ('everything', 'relid') and not attisdropped) < 2 then
        lock table tweet.message, tweet.activity in share row exclusive mode;
        alter table twcache.change add column if not exists everything bool not null default false;
        alter table twcache.change add column if not exists relid oid;
    end if;
    if (select count(*) from pg_attribute where attrelid = 'twcache.consumer'::regclass and attname in ('instance', 'renewal') and atthasdef and not attisdropped) < 2 then
        alter table twcache.consumer add column if not exists instance text not null default '';
        alter table twcache.consumer alter column instance set default '';
        alter table twcache.consumer add column if not exists renewal bigint not null default 0;
    end if;
    -- What is trimmed gives its room back at a vacuum: at each that comes, whatever the
    -- table's size, and without the lock that cutting the file short would take.
    if (select reloptions from pg_class where oid = 'twcache.change'::regclass) is null then
        alter table twcache.change set (
            autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);
    end if;
end
$$;

select twcache.finish_file('030_change_log.sql', 1);
commit;
