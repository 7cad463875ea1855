#!/usr/bin/env bash
# Run once by PostgreSQL's image, when it has made its data: the tables, the log, and the role that the service logs in as.
set -euo pipefail

run_psql() { psql -X -q -v ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname "$POSTGRES_DB" "$@"; }

for file in "${SQL_FOLDER:-/sql}"/*.sql; do
  run_psql -f "$file"
done

run_psql -v password="$COUNTS_PASSWORD" <<'SQL'
create role counts login password :'password';
grant twcache_reader to counts;
SQL
