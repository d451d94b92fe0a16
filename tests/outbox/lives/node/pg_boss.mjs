// The life of pg-boss. The truth is that of findJobs().
import { PgBoss, states } from "pg-boss";
import { setTimeout as sleep } from "node:timers/promises";
import { countBy, DAY, earliest, HOUR, mean, seconds, serve } from "./life.mjs";

// A retry is due at once, unless it is to wait.
const RETRIES = { retryLimit: 2, retryDelay: 0 };
const MOST = 100_000; // what findJobs() returns at most

class Life {
  #boss;
  #queues = [];
  #hasLostProcessed = false;

  constructor(boss) {
    this.#boss = boss;
  }

  // Every second queue has a partition of its own, the others share one.
  async #send(queue, data, options) {
    if (!this.#queues.includes(queue)) {
      const known = await this.#boss.getQueue(queue);
      if (!known) await this.#boss.createQueue(queue, { partition: this.#queues.length % 2 === 1, deleteAfterSeconds: 1 });
      this.#queues.push(queue);
    }
    await this.#boss.send(queue, data, { ...RETRIES, ...options });
  }

  async #jobs() {
    const found = await Promise.all(this.#queues.map((queue) => this.#boss.findJobs(queue, { limit: MOST })));
    return found.flatMap((jobs, index) => jobs.map((job) => ({ ...job, queue: this.#queues[index] })));
  }

  enqueue({ queue, outcome }) {
    return this.#send(queue, { outcome }, outcome === "retry_later" ? { retryDelay: HOUR } : {});
  }

  schedule({ queue }) {
    return this.#send(queue, { outcome: "succeed" }, { startAfter: DAY });
  }

  async run({ jobs }) {
    let left = jobs;
    for (const queue of this.#queues) {
      if (left > 0) left -= await this.#work(queue, left);
    }
  }

  // One batch of a worker; returns how many jobs it had.
  async #work(queue, batchSize) {
    let taken = 0;
    await this.#boss.work(queue, { batchSize, perJobResults: true }, async (jobs) => {
      taken = jobs.length;
      return jobs.map(({ id, data }) => ({ id, status: data.outcome === "succeed" ? "completed" : "failed" }));
    });
    const worker = () => this.#boss.getWipData().find(({ name }) => name === queue);
    while (!worker().lastFetchedOn) await sleep(2);
    await this.#boss.offWork(queue);
    return taken;
  }

  async hang({ queue }) {
    await this.#send(queue, { outcome: "succeed" }, { expireInSeconds: 1 });
    await new Promise((runs) => {
      this.#boss.work(queue, () => {
        runs();
        return new Promise(() => {});
      });
    });
  }

  async cancel() {
    const pending = (await this.#jobs()).find(({ state }) => state === states.created || state === states.retry);
    if (pending) await this.#boss.cancel(pending.queue, pending.id);
  }

  // Also fails the jobs that have been running for longer than they may.
  async prune() {
    const before = (await this.#jobs()).filter(({ state }) => state === states.completed).length;
    await this.#boss.supervise();
    const after = (await this.#jobs()).filter(({ state }) => state === states.completed).length;
    this.#hasLostProcessed ||= after < before;
  }

  async truth() {
    const jobs = await this.#jobs();
    const now = Date.now();
    const isQueued = ({ state }) => state === states.created || state === states.retry;
    const due = jobs.filter((job) => isQueued(job) && job.startAfter <= now);
    const waiting = due.filter(({ state }) => state === states.created);
    const failing = due.filter(({ state }) => state === states.retry);
    const exhausted = jobs.filter(({ state }) => state === states.failed);
    const processed = jobs.filter(({ state }) => state === states.completed);
    const attempted = jobs.filter(({ state }) => state === states.retry || state === states.failed);
    const since = ({ createdOn, startAfter }) => Math.max(seconds(createdOn), seconds(startAfter));
    const isRecent = (time) => time !== null && now - time < HOUR * 1000;
    const recent = processed.filter(({ completedOn }) => isRecent(completedOn));
    const queue = (job) => job.queue;
    return {
      waiting: waiting.length,
      failing: failing.length,
      exhausted: exhausted.length,
      scheduled: jobs.filter((job) => isQueued(job) && job.startAfter > now).length,
      running: jobs.filter(({ state }) => state === states.active).length,
      oldest_waiting: earliest(waiting.map(since)),
      oldest_failing: earliest(failing.map(since)),
      by_queue: countBy([...due, ...exhausted], queue),
      processed_last_hour: this.#hasLostProcessed ? null : recent.length,
      processed_by_queue: this.#hasLostProcessed ? null : countBy(recent, queue),
      seconds_avg: this.#hasLostProcessed
        ? null
        : mean(recent.map(({ createdOn, completedOn }) => seconds(completedOn) - seconds(createdOn))),
      failing_last_hour: attempted.filter(({ startedOn }) => isRecent(startedOn)).length,
      oldest_processed: earliest(processed.map(({ completedOn }) => seconds(completedOn))),
    };
  }
}

await serve(async (dsn) => {
  const boss = new PgBoss({
    connectionString: dsn,
    max: 2,
    schedule: false,
    supervise: false,
    maintenanceIntervalSeconds: 1,
    monitorIntervalSeconds: 1,
  });
  boss.on("error", (error) => console.error(error));
  return new Life(await boss.start());
});
