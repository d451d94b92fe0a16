// The four procedures of the watched application behind a real tRPC server, on a free port of loopback.
//
// Reads one JSON object from standard input, {procedure: payload}; with the argument `superjson` the answers go through
// that transformer. A payload {"throws": "words"} makes the procedure fail. Texts that are ISO times become Dates, as
// they are in the application. Prints its port, then the path of each request, and ends when standard input does.
import { createInterface } from "node:readline";
import { createHTTPServer } from "@trpc/server/adapters/standalone";
import { initTRPC, TRPCError } from "@trpc/server";
import superjson from "superjson";

// Node 18, which Debian 12 has, lacks this; @trpc/server calls it.
Headers.prototype.getSetCookie ??= function getSetCookie() {
  const value = this.get("set-cookie");
  return value === null ? [] : [value];
};

const ISO_TIME = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/;
const revive = (_key, value) => (ISO_TIME.test(value) ? new Date(value) : value);

const t = initTRPC.create(process.argv[2] === "superjson" ? { transformer: superjson } : {});

const answering = (payload) =>
  t.procedure.query(() => {
    if (payload.throws) {
      throw new TRPCError({ code: "INTERNAL_SERVER_ERROR", message: payload.throws });
    }
    return payload;
  });

const input = createInterface({ input: process.stdin });
input.once("line", (line) => {
  const payloads = JSON.parse(line, revive);
  const procedures = Object.entries(payloads).map(([name, payload]) => [name, answering(payload)]);
  const router = t.router({ metrics: t.router(Object.fromEntries(procedures)) });
  const server = createHTTPServer({ router, basePath: "/trpc/" });
  server.on("request", (request) => console.log(request.url));
  server.listen(0, "127.0.0.1", () => console.log(server.address().port));
});
input.once("close", () => process.exit(0));
