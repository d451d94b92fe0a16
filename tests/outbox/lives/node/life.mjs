// Serves a life of npm's: lines of JSON on standard input, {call: name, ...arguments}, are answered in order, each by
// a line with the result. Ends when standard input does.
//
// `open` makes the life in the database of the first argument, an object with the calls as methods. Besides those of
// the protocol a life has `hang`: it returns when a worker runs a job of the queue, and that never ends.
import { createInterface } from "node:readline";

export async function serve(open) {
  const life = await open(process.argv[2]);
  for await (const line of createInterface({ input: process.stdin })) {
    const { call, ...parameters } = JSON.parse(line);
    const result = await life[call](parameters);
    process.stdout.write(`${JSON.stringify(result ?? null)}\n`);
  }
  process.exit(0);
}

export const HOUR = 3600;
export const DAY = 24 * HOUR;

// The fields of Truth (life.py) for jobs {queue, state, created, since, processed, attempted}: the state is one of
// Truth, "processed", or another, which is not shown; the times are those of creation, since when the job waits, of
// processing and of the latest attempt, in seconds since 1970. `hasProcessed` is whether every job that was processed
// within the last hour is among them, `hasAttempts` whether `attempted` is known.
export function truthOf(jobs, { hasProcessed, hasAttempts }) {
  const now = Date.now() / 1000;
  const having = (...states) => jobs.filter(({ state }) => states.includes(state));
  const isRecent = (time) => time != null && now - time < HOUR;
  const processed = having("processed");
  const recent = hasProcessed ? processed.filter((job) => isRecent(job.processed)) : null;
  const attempted = having("waiting", "failing", "exhausted", "scheduled");
  return {
    waiting: having("waiting").length,
    failing: having("failing").length,
    exhausted: having("exhausted").length,
    scheduled: having("scheduled").length,
    running: having("running").length,
    oldest_waiting: earliest(having("waiting").map(({ since }) => since)),
    oldest_failing: earliest(having("failing").map(({ since }) => since)),
    by_queue: countByQueue(having("waiting", "failing", "exhausted")),
    processed_last_hour: recent && recent.length,
    processed_by_queue: recent && countByQueue(recent),
    seconds_avg: recent && mean(recent.map((job) => job.processed - job.created)),
    failing_last_hour: hasAttempts ? attempted.filter((job) => isRecent(job.attempted)).length : null,
    oldest_processed: earliest(processed.map((job) => job.processed)),
  };
}

function countByQueue(jobs) {
  const counts = {};
  for (const { queue } of jobs) counts[queue] = (counts[queue] ?? 0) + 1;
  return counts;
}

const earliest = (numbers) => (numbers.length ? Math.min(...numbers) : null);
const mean = (numbers) => (numbers.length ? numbers.reduce((sum, each) => sum + each) / numbers.length : null);
