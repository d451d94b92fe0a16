// Serves a life of npm's: lines of JSON on standard input, {call: name, ...arguments}, are answered in order, each by a
// line with the result. Ends when standard input does.
//
// `open` makes the life in the database of the first argument, an object with the calls as methods. A life has `hang`
// besides those of the protocol: it returns when a worker runs the job, which never ends.
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

// Seconds since 1970 of a Date.
export const seconds = (time) => time.getTime() / 1000;

// How many of the jobs there are of each value of `key`.
export function countBy(jobs, key) {
  const counts = {};
  for (const job of jobs) counts[key(job)] = (counts[key(job)] ?? 0) + 1;
  return counts;
}

// The smallest number; null when there is none.
export const earliest = (numbers) => (numbers.length ? Math.min(...numbers) : null);

// The mean; null when there is no number.
export const mean = (numbers) => (numbers.length ? numbers.reduce((sum, each) => sum + each) / numbers.length : null);
