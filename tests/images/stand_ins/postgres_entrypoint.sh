#!/bin/sh
# Makes the cluster and its database at the first start, then serves: see postgres.Dockerfile.
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    printf '%s\n' "$POSTGRES_PASSWORD" > /tmp/password
    initdb --username="$POSTGRES_USER" --pwfile=/tmp/password --auth-local=trust --auth-host=scram-sha-256 > /dev/null
    rm /tmp/password
    echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
    pg_ctl --options="-c listen_addresses= -c unix_socket_directories=$PGHOST" --wait start > /dev/null
    createdb --username="$POSTGRES_USER" "$POSTGRES_DB"
    pg_ctl --mode=fast --wait stop > /dev/null
fi
exec "$@" -c listen_addresses='*' -c unix_socket_directories="$PGHOST"
