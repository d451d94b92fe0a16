#!/usr/bin/env bash
# tRPC 11.25.2 (@trpc/server, @trpc/client): the status of a failed call depends on the link that the browser uses.
#
# With httpBatchLink calls of one moment share a request. When all fail alike its status is theirs, when they fail
# differently it is 207, as if some had succeeded. With httpBatchStreamLink, an otherwise equal replacement, the status
# is sent before the procedures have run: it is 200, also for one call that fails. So error rates and alerts from access
# logs or a proxy's metrics fall to zero with a change of the front end; the statuses of the calls are only in the body.
#
# Seen: a call that fails with 500, and two that fail with 500 and 401: 500 and 207 with httpBatchLink, 200 and 200 with
# httpBatchStreamLink. The client sees 500 and 401 in all cases.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts @trpc/server@11.25.2 @trpc/client@11.25.2
cat >script.mjs <<'NODE'
import assert from "node:assert/strict";
import { createTRPCClient, httpBatchLink, httpBatchStreamLink } from "@trpc/client";
import { initTRPC, TRPCError } from "@trpc/server";
import { createHTTPServer } from "@trpc/server/adapters/standalone";

const t = initTRPC.create();
const failing = (code) => t.procedure.query(() => { throw new TRPCError({ code }); });
const router = t.router({ broken: failing("INTERNAL_SERVER_ERROR"), denied: failing("UNAUTHORIZED") });
const server = createHTTPServer({ router });
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const url = `http://127.0.0.1:${server.address().port}`;

// The status of the one request, and those that its calls fail with.
async function call(link, names) {
  const requests = [];
  const recorded = async (...request) => {
    const response = await fetch(...request);
    requests.push(response.status);
    return response;
  };
  const client = createTRPCClient({ links: [link({ url, fetch: recorded })] });
  const calls = await Promise.allSettled(names.map((name) => client[name].query()));
  return { requests, calls: calls.map(({ reason }) => reason.data.httpStatus) };
}

const seen = {};
for (const link of [httpBatchLink, httpBatchStreamLink]) {
  seen[link.name] = [await call(link, ["broken"]), await call(link, ["broken", "denied"])];
  console.log(`${link.name}: ${JSON.stringify(seen[link.name])}`);
}
assert.deepEqual(seen.httpBatchLink, [{ requests: [500], calls: [500] }, { requests: [207], calls: [500, 401] }]);
assert.deepEqual(seen.httpBatchStreamLink, [{ requests: [200], calls: [500] }, { requests: [200], calls: [500, 401] }]);
process.exit(0);
NODE
node script.mjs
