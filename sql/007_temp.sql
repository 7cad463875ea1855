begin;
select pg_advisory_xact_lock(1951, 1);
alter table twcache.change add column if not exists everything bool not null default false;
alter table twcache.consumer add column if not exists renewal bigint not null default 0;
create or replace function twcache.renew(consumer_name text, renewal_number bigint, reached pg_snapshot, is_waiting bool, lease_seconds int) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform twcache.extend_lease(lease_seconds);
    update twcache.consumer
       set snapshot = case when is_waiting then pg_current_snapshot() else coalesce(reached, snapshot) end, loaded = loaded or reached is not null, renewal = renewal_number,
           seen_at = clock_timestamp(), expires_at = clock_timestamp() + make_interval(secs => lease_seconds)
     where name = consumer_name and lapse = (select last_value from twcache.lapse) and renewal < renewal_number;
    if not found then
        if exists (select from twcache.consumer where name = consumer_name and lapse = (select last_value from twcache.lapse)) then return 0; end if;
        return null;
    end if;
    return (select last_value from twcache.lease);
end
$$;
create or replace function twcache.problems() returns text[] language sql stable as $$
  select coalesce(array_agg(format('trigger %s is missing or disabled', need.name)), '{}')
          from (values ('tweet.activity', 'twcache_activity_insert'), ('tweet.activity', 'twcache_activity_delete'),
                       ('tweet.activity', 'twcache_activity_update'), ('tweet.activity', 'twcache_activity_truncate'),
                       ('tweet.message', 'twcache_message_insert'), ('tweet.message', 'twcache_message_delete'),
                       ('tweet.message', 'twcache_message_key'), ('tweet.message', 'twcache_message_truncate')) as need (relation, name)
         where not exists (select from pg_trigger t where t.tgrelid = to_regclass(need.relation) and t.tgname = need.name and t.tgenabled in ('O', 'A'))
$$;
create or replace function twcache.install_triggers() returns void language sql as $$ select $$;
grant execute on all functions in schema twcache to twcache_reader;
insert into twcache.schema_file (name) values ('007_temp.sql') on conflict do nothing;
commit;
