-- Three group roles: grant them to the roles that log in. Roles belong to the
-- whole cluster; whoever may not create them is told, and grants by hand.
begin isolation level read committed read write;
set local statement_timeout = 0;
select twcache.start_file('940_roles.sql', 3);

do $$
declare
    role_name text;
    statement text;
begin
    foreach role_name in array array['twcache_reader', 'twcache_writer', 'twcache_sql_reader'] loop
        if not exists (select from pg_roles where rolname = role_name) then
            begin
                execute format('create role %I nologin', role_name);
            exception
                when insufficient_privilege then
                    raise warning 'role % was not created: % may not create roles', role_name, current_user;
                when duplicate_object or unique_violation then
                    raise notice 'role % was created by another session', role_name;
            end;
        end if;
    end loop;

    -- What the service does, and no more; then the application, which needs nothing of twcache, because
    -- the triggers run as their owner; then whoever reads current counts by SQL. What belongs to others than this role is for them to grant.
    foreach statement in array array[
        'grant usage on schema twcache to twcache_reader',
        'grant select on twcache.change, twcache.change_identity, twcache.consumer, twcache.lease, twcache.lapse, twcache.schema_file, twcache.definition to twcache_reader',
        'grant select on twcache.counted_table, twcache.trigger_form, twcache.needed_trigger, twcache.present_trigger to twcache_reader',
        'grant execute on function twcache.register(text, text, int, text[]), twcache.renew(text, bigint, bigint, pg_snapshot, bool, int) to twcache_reader',
        'grant execute on function twcache.trim(int), twcache.install_triggers(), twcache.problems(), twcache.reload() to twcache_reader',
        'grant execute on function twcache.register(text, text, int), twcache.register(text, int), twcache.renew(text, pg_snapshot, int) to twcache_reader',
        'grant select on twcache.baseline, twcache.counters, twcache.rollup, twcache.counters_now, twcache.daily_counters, twcache.daily_counters_now to twcache_reader',
        'grant execute on function twcache.footprint(oid[], oid[], bool), twcache.changes_since(pg_snapshot), twcache.earlier_transaction(xid8) to twcache_reader',
        'grant execute on function twcache.log_form(), twcache.recorded_changes(), twcache.recent_changes(pg_snapshot), twcache.changes_between(pg_snapshot, pg_snapshot), twcache.foreign_rows(), twcache.pending_changes() to twcache_reader',
        'grant execute on function twcache.as_time(timestamptz), twcache.as_time(timestamp), twcache.as_time(date), twcache.as_time(anyelement), twcache.is_action(anyelement), twcache.as_action(anyelement, text), twcache.slot_of(timestamptz), twcache.day_of(timestamptz, text) to twcache_reader',
        'grant execute on function twcache.keeps_days(), twcache.day_zone(), twcache.set_day_zone(text) to twcache_reader',
        'grant execute on function twcache.rollup_problem(bool), twcache.roll_up(int), twcache.drop_rollup() to twcache_reader',
        'grant usage on schema tweet to twcache_reader',
        'grant select on tweet.message, tweet.activity, tweet.message_with_counters to twcache_reader',
        'grant select on tweet.users to twcache_reader',
        'grant usage on schema tweet to twcache_writer',
        'grant select, insert, update, delete on all tables in schema tweet to twcache_writer',
        'grant usage on all sequences in schema tweet to twcache_writer',
        'grant usage on schema twcache to twcache_sql_reader',
        'grant select on twcache.current_counts, twcache.current_daily_counters to twcache_sql_reader',
        'grant execute on function twcache.require_rollup(), twcache.pending_changes(), twcache.keeps_days(), twcache.day_zone(), twcache.day_of(timestamptz, text) to twcache_sql_reader',
        'grant execute on function twcache.counts_of(bigint), twcache.counts_of_many(bigint[]) to twcache_sql_reader']
    loop
        if exists (select from pg_roles where rolname = substring(statement from '\w+$')) then
            begin
                execute statement;
            exception
                when insufficient_privilege then
                    raise warning '% may not: %', current_user, statement;
            end;
        end if;
    end loop;
end
$$;

select twcache.finish_file('940_roles.sql', 3);
commit;
