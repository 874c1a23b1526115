#!/bin/sh
# What the official postgres image promises, as far as testcontainers relies on it:
# POSTGRES_USER, POSTGRES_PASSWORD and POSTGRES_DB make the cluster; `postgres` and its options are
# the command; by the time TCP answers, the database is there.
set -eu

export PGDATA="${PGDATA:-/var/lib/postgresql/18/docker}"
user="${POSTGRES_USER:-postgres}"
database="${POSTGRES_DB:-$user}"

if [ "$1" != postgres ]; then
    exec "$@"
fi

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    mkdir -p "$PGDATA"
    chmod 700 "$PGDATA"
    printf '%s\n' "$POSTGRES_PASSWORD" > /tmp/password
    initdb --username="$user" --pwfile=/tmp/password --no-sync --encoding=UTF8 \
        --locale=C.UTF-8 --auth-local=trust --auth-host=scram-sha-256
    rm /tmp/password
    echo 'host all all all scram-sha-256' >> "$PGDATA/pg_hba.conf"
    echo "listen_addresses = '*'" >> "$PGDATA/postgresql.conf"
    if [ "$database" != postgres ]; then
        pg_ctl --wait --options="-c listen_addresses=''" start
        createdb --username="$user" "$database"
        pg_ctl --wait stop
    fi
fi

exec "$@"
