#!/bin/bash
# The part of the official image's entrypoint that manifests rely on: an empty PGDATA
# becomes a database of POSTGRES_USER, POSTGRES_PASSWORD[_FILE] and POSTGRES_DB, then
# the scripts of /docker-entrypoint-initdb.d run, then the server replaces this shell.
set -euo pipefail

# Takes NAME, or the content of the file that NAME_FILE names.
setting() {
  local name=$1 file=$1_FILE fallback=${2-}
  if [[ -n ${!name-} && -n ${!file-} ]]; then
    echo "postgres: $name and $file exclude each other" >&2
    exit 1
  elif [[ -n ${!file-} ]]; then
    printf '%s' "$(<"${!file}")"
  else
    printf '%s' "${!name:-$fallback}"
  fi
}

create_database() {
  local user password database
  local -a arguments
  read -ra arguments <<<"${POSTGRES_INITDB_ARGS-}"
  user=$(setting POSTGRES_USER postgres)
  password=$(setting POSTGRES_PASSWORD)
  database=$(setting POSTGRES_DB "$user")
  if [[ -z $password && ${POSTGRES_HOST_AUTH_METHOD-} != trust ]]; then
    echo "postgres: POSTGRES_PASSWORD must be set to create a database" >&2
    exit 1
  fi
  # /dev/fd hands the password over without a file or a command line that shows it.
  initdb --username="$user" --encoding=UTF8 --locale=C.UTF-8 --auth-local=trust --auth-host=scram-sha-256 \
    --pwfile=<(printf '%s\n' "${password:-unused}") "${arguments[@]}"
  printf '\nhost all all all %s\n' "${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}" >>"$PGDATA/pg_hba.conf"
  # Nobody connects before the database is whole: no address, only the socket.
  pg_ctl -D "$PGDATA" -o "-c listen_addresses=''" -w start
  if [[ $database != postgres ]]; then
    psql -v ON_ERROR_STOP=1 --username "$user" --dbname postgres -v name="$database" <<<'CREATE DATABASE :"name";'
  fi
  run_scripts "$user" "$database"
  pg_ctl -D "$PGDATA" -m fast -w stop
}

run_scripts() {
  local script
  for script in /docker-entrypoint-initdb.d/*; do
    case $script in
      *.sh) bash "$script" ;;
      *.sql) psql -v ON_ERROR_STOP=1 --username "$1" --dbname "$2" -f "$script" ;;
      *.sql.gz) gunzip -c "$script" | psql -v ON_ERROR_STOP=1 --username "$1" --dbname "$2" ;;
    esac
  done
}

# As root: gives the volume to the server's user and starts over as that user.
drop_root() {
  mkdir -p "$PGDATA" /var/run/postgresql
  chown -R postgres:postgres "$PGDATA" /var/run/postgresql
  exec su -p -s /bin/bash -- postgres "$0" "$@"
}

if [[ ${1-} == -* ]]; then
  set -- postgres "$@"
fi
if [[ ${1-} == postgres ]]; then
  if ((EUID == 0)); then
    drop_root "$@"
  fi
  mkdir -p "$PGDATA"
  chmod 0700 "$PGDATA" || echo "postgres: cannot restrict $PGDATA; initdb and the server decide" >&2
  if [[ ! -s $PGDATA/PG_VERSION ]]; then
    create_database
  fi
fi
exec "$@"
