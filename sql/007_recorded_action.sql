-- For change logs from before they had the action. Their trigger function, which
-- works out itself what an action counts for, stays as right as it was; the cheaper
-- one comes with 005_triggers.sql, when that is run again.
begin;
select pg_advisory_xact_lock(1951, 1);
-- The column waits for the writers and holds up the next ones: for a moment only.
-- Where the wait is in vain, run this again.
set local lock_timeout = '40ms';

do $$
begin
    if not exists (select from pg_attribute where attrelid = 'twcache.change'::regclass and attname = 'action' and not attisdropped) then
        alter table twcache.change add column action tweet.action_t;
    end if;
end
$$;

insert into twcache.schema_file (name) values ('007_recorded_action.sql') on conflict do nothing;
commit;
