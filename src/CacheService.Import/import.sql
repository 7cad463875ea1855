-- What imports keep, beside the tables that they fill: in whatever database those are. The first import creates it, in one transaction.
do $$
begin
    if to_regnamespace('twimport') is null then
        create schema twimport;
    end if;
end
$$;

-- A file that is, or was, merged into a table.
create table twimport.load (
    loadid         bigint      generated always as identity primary key,
    relid          oid         not null,                  -- the table; one that takes its place under its name is another one
    table_name     text        not null,
    key            text[]      not null,                  -- the columns by which its rows are found; none: rows are only added
    columns        text[]      not null,
    file           text        not null,
    sha256         bytea       not null,
    options        text        not null,                  -- how the file is read, where that changes what it says
    as_of          timestamptz not null,                  -- of two files the one with the later date wins
    delete_missing bool        not null,
    state          text        not null default 'staging' check (state in ('staging', 'merging', 'deleting', 'done', 'refused', 'dry run')),
    place          bigint      not null default 0,        -- up to which line it is merged
    last_line      bigint      not null default 0,
    read           bigint      not null default 0,
    same           bigint      not null default 0,
    updated        bigint      not null default 0,
    inserted       bigint      not null default 0,
    deleted        bigint      not null default 0,
    superseded     bigint      not null default 0,        -- rows that a file of a later date had merged before
    rejected       bigint      not null default 0,
    is_staged      bool        not null default false,    -- its rows are in twimport.stage_LOADID
    loaded_by      text        not null default session_user,
    started_at     timestamptz not null default clock_timestamp(),
    ended_at       timestamptz
);
create index on twimport.load (relid, as_of);
create index on twimport.load (sha256);

-- Rows that could not be taken, with the values that the file has for them.
create table twimport.reject (
    loadid bigint not null references twimport.load on delete cascade,
    line   bigint,                                        -- null: a row of the table that could not be deleted
    row    jsonb  not null,
    error  text   not null
);
create index on twimport.reject (loadid, line);

-- What was changed, before and after; before is null for a row that was inserted, after for one that was deleted.
create table twimport.change (
    loadid bigint not null references twimport.load on delete cascade,
    line   bigint,
    before jsonb,
    after  jsonb
);
create index on twimport.change (loadid);
