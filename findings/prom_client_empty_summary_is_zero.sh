#!/usr/bin/env bash
# prom-client 15.1.3 (npm): a summary without observations reports 0 for every percentile, not NaN.
#
# Prometheus' client for Go writes NaN for a quantile of nothing. prom-client writes 0, which is a measurement: the
# fastest there is. So the 99th percentile of the time that jobs take falls to 0 once the worker has stopped and its
# observations are older than maxAgeSeconds, and an alert above a limit stays silent. With pruneAgedBuckets such series
# are absent; it is off unless asked for.
#
# Seen: 0 before the first observation, 7 after an observation of 7, 0 when it is too old, with a count of 1 and sum of
# 7; nothing with pruneAgedBuckets.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts prom-client@15.1.3
cat >script.mjs <<'NODE'
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { Summary } from "prom-client";

const options = { help: "Time of jobs.", percentiles: [0.99], maxAgeSeconds: 1, ageBuckets: 2 };
const summary = new Summary({ ...options, name: "job_seconds" });
const pruned = new Summary({ ...options, name: "pruned_job_seconds", pruneAgedBuckets: true });
const values = async (of = summary) => (await of.get()).values.map(({ value }) => value);

const before = await values();
summary.observe(7);
pruned.observe(7);
const observed = await values();
await sleep(3000);
const aged = await values();
const left = await values(pruned);
console.log("99th percentile, sum, count");
console.log(`${before} before; ${observed} after an observation of 7; ${aged} when it is too old`);
console.log(`${left.length} values with pruneAgedBuckets`);
assert.deepEqual(before, [0, 0, 0]);
assert.deepEqual(observed, [7, 7, 1]);
assert.deepEqual(aged, [0, 7, 1]);
assert.deepEqual(left, []);
NODE
node script.mjs
