-- A table is kept by what PostgreSQL dumps as its name, so that it is known again where a dump is restored. What was restored before that has numbers of another database:
-- there the name is all that is known.
update twimport.load set relid = to_regclass(table_name)
 where to_regclass(table_name) is not null and not exists (select from pg_catalog.pg_class c where c.oid = relid);

alter table twimport.load
    alter relid type regclass,
    add is_ordered bool not null default false;           -- whether place and last_line are of an order in which each row comes after those that it refers to
