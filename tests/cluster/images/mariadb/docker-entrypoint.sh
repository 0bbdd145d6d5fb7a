#!/bin/bash
# The part of the official image's entrypoint that manifests rely on: an empty /var/lib/mysql becomes a
# server with MARIADB_ROOT_PASSWORD and MARIADB_DATABASE, then mariadbd replaces this shell.
set -euo pipefail

readonly data=/var/lib/mysql share=/usr/share/mysql

# Doubles the quotes of an SQL string.
quoted() { printf "'%s'" "${1//\'/\'\'}"; }

bootstrap() {
  : "${MARIADB_ROOT_PASSWORD:?must be set to create a database}"
  local password database
  password=$(quoted "$MARIADB_ROOT_PASSWORD")
  database=${MARIADB_DATABASE-}
  {
    printf 'CREATE DATABASE IF NOT EXISTS mysql;\nUSE mysql;\n'
    cat "$share/mysql_system_tables.sql" "$share/mysql_performance_tables.sql" "$share/mysql_system_tables_data.sql"
    printf 'FLUSH PRIVILEGES;\n'
    printf 'CREATE OR REPLACE USER root@localhost IDENTIFIED BY %s;\n' "$password"
    printf 'GRANT ALL ON *.* TO root@localhost WITH GRANT OPTION;\n'
    printf "CREATE OR REPLACE USER root@'%%' IDENTIFIED BY %s;\n" "$password"
    printf "GRANT ALL ON *.* TO root@'%%' WITH GRANT OPTION;\n"
    if [[ -n $database ]]; then printf 'CREATE DATABASE %s;\n' "$database"; fi
  } | mariadbd --no-defaults --bootstrap --datadir="$data" --lc-messages-dir="$share" --log-warnings=0
}

if [[ ${1-} == mariadbd ]]; then
  if [[ ! -d $data/mysql ]]; then bootstrap; fi
  shift
  set -- mariadbd --no-defaults --datadir="$data" --lc-messages-dir="$share" --socket=/run/mysqld/mysqld.sock \
    --pid-file=/run/mysqld/mysqld.pid "$@"
fi
exec "$@"
