#!/bin/sh
# Run once, by the postgres image, on an empty data folder. Dagster gets a database of its own: it and the catalog both
# keep an alembic_version table.
set -eu
psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --command 'CREATE DATABASE dagster'
