-- The group role of services that run jobs: grant it to theirs, beside twcache_reader. What a job does to the application's tables,
-- such as expire-messages, needs rights on those besides.
begin isolation level read committed read write;
set local statement_timeout = 0;
select twcache.start_file('950_jobs.sql', 1);

do $$
declare
    statement text;
begin
    if not exists (select from pg_roles where rolname = 'twcache_jobs') then
        begin
            create role twcache_jobs nologin;
        exception
            when insufficient_privilege then
                raise warning 'role twcache_jobs was not created: % may not create roles', current_user;
                return;
            when duplicate_object or unique_violation then
                raise notice 'role twcache_jobs was created by another session';
        end;
    end if;

    foreach statement in array array[
        'grant usage on schema twjobs to twcache_jobs',
        'grant select, insert, update on twjobs.job to twcache_jobs',
        'grant select, insert, update, delete on twjobs.run, twjobs.item, twjobs.service to twcache_jobs',
        'grant select, insert, delete on twjobs.log, twjobs.output, twjobs.action to twcache_jobs']
    loop
        begin
            execute statement;
        exception
            when insufficient_privilege then
                raise warning '% may not: %', current_user, statement;
        end;
    end loop;
end
$$;

select twcache.finish_file('950_jobs.sql', 1);
commit;
