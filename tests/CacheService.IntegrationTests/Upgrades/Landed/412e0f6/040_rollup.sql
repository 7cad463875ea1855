-- The counts written back to the database: what twcache.roll_up() keeps and a cache can start from.
begin isolation level read committed read write;
set local statement_timeout = 0;
select twcache.start_file('040_rollup.sql', 1);

-- The log is an ordinary table: after a crash, and on a standby that is promoted, it has every change since any snapshot.
-- Caches load afresh all the same, because they may have counted transactions that the crash has taken
-- back (synchronous_commit = off). They know it by twcache.change_identity, which stays unlogged, and is empty then.
do $$
begin
    if (select relpersistence from pg_class where oid = 'twcache.change'::regclass) = 'u' then
        -- The writers hold locks on their own tables before they come to the log.
        lock table tweet.message, tweet.activity in share row exclusive mode;
        alter table twcache.change set logged;
    end if;
end
$$;

do $$
begin
    -- The counts as of the rollup's snapshot.
    if to_regclass('twcache.counters') is null then
        create table twcache.counters (
            messageid bigint primary key,
            rts       bigint not null,
            favs      bigint not null,
            born      int    not null   -- 1: there is such a message; 0: there is activity only
        ) with (fillfactor = 85);
    end if;

    -- What the counters are worth. A row that names another transaction than the one that wrote it was not
    -- written by roll_up(): a restore has brought it.
    if to_regclass('twcache.rollup') is null then
        create table twcache.rollup (
            singleton  bool        primary key default true check (singleton),
            snapshot   pg_snapshot not null,       -- all that is visible in it is in the counters, and nothing else; the log keeps the rest
            counted    bool        not null,       -- false: nothing is in the counters yet
            written_by xid8        not null,
            rolled_at  timestamptz not null,       -- just before the snapshot was taken
            lapse      bigint      not null,       -- twcache.lapse
            baseline   text        not null,       -- twcache.baseline: what the counters stand on
            tables     oid[]       not null,       -- of it
            functions  oid[]       not null,
            footprint  bigint[]    not null,
            files      oid[]       not null,       -- of the counters and of this table
            wait_below xid8,                       -- before it counts, transactions below this one must have ended; null: that is not known yet
            keep_until timestamptz not null        -- unless it is rolled up again, the log is not kept for it any longer
        );
    end if;
end
$$;

-- The epoch second until which a cache is known to live, so that it is worth while to ring for it. The lease may reach farther, for the rollup.
do $$
begin
    if to_regclass('twcache.listening') is null then
        create sequence twcache.listening minvalue 0 start 0;
    end if;
end
$$;

insert into twcache.mutex (name) values ('rollup') on conflict do nothing;

-- Of trim: the transactions up to passed that were open, and may leave something to delete.
do $$
begin
    if not exists (select from pg_attribute where attrelid = 'twcache.mutex'::regclass and attname = 'in_progress' and not attisdropped) then
        alter table twcache.mutex add column in_progress xid8[] not null default '{}';
    end if;
end
$$;

select twcache.finish_file('040_rollup.sql', 1);
commit;
