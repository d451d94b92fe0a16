// The life of pg-boss. The truth is that of findJobs().
import { PgBoss, states } from "pg-boss";
import { setTimeout as sleep } from "node:timers/promises";
import { DAY, HOUR, serve, truthOf } from "./life.mjs";

// A job is attempted twice; the retry is due at once, unless it is to wait.
const RETRIES = { retryLimit: 1, retryDelay: 0 };
// Seconds, the shortest that there are: how long a job may run, and how long it is kept then.
const EXPIRATION = 1;
const RETENTION = 1;
const MOST = 100_000; // what findJobs() returns at most

class Life {
  #boss;
  #queues = [];
  #hasLostProcessed = false;

  constructor(boss) {
    this.#boss = boss;
  }

  // Every second queue has a partition of its own, the others share one.
  async #make(queue) {
    if (!this.#queues.includes(queue)) {
      const partition = this.#queues.length % 2 === 1;
      await this.#boss.createQueue(queue, { partition, expireInSeconds: EXPIRATION, deleteAfterSeconds: RETENTION });
      this.#queues.push(queue);
    }
  }

  async #jobs() {
    const found = await Promise.all(this.#queues.map((queue) => this.#boss.findJobs(queue, { limit: MOST })));
    return found.flatMap((jobs, index) => jobs.map((job) => ({ ...job, queue: this.#queues[index] })));
  }

  async enqueue({ queue, outcome }) {
    await this.#make(queue);
    await this.#boss.send(queue, { outcome }, { ...RETRIES, ...(outcome === "retry_later" && { retryDelay: HOUR }) });
  }

  // And a job that is due now, but waits for the other one.
  async schedule({ queue }) {
    await this.#make(queue);
    const job = { name: queue, data: { outcome: "succeed" } };
    await this.#boss.flow([
      { ...job, ref: "parent", options: { ...RETRIES, startAfter: DAY } },
      { ...job, ref: "child", options: RETRIES, dependsOn: ["parent"] },
    ]);
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
    await new Promise((runs) => {
      this.#boss.work(queue, () => {
        runs();
        return new Promise(() => {});
      });
    });
  }

  // The pending job that is due first.
  async cancel() {
    const isPending = (job) => ["waiting", "failing", "scheduled"].includes(stateOf(job));
    const pending = (await this.#jobs()).filter(isPending);
    const [first] = pending.sort((one, other) => one.startAfter - other.startAfter);
    if (first) await this.#boss.cancel(first.queue, first.id);
  }

  // Also fails the jobs that have been running for longer than they may.
  async prune() {
    await sleep(RETENTION * 1000);
    const before = await this.#processed();
    await this.#boss.supervise();
    this.#hasLostProcessed ||= (await this.#processed()) < before;
  }

  async #processed() {
    return (await this.#jobs()).filter(({ state }) => state === states.completed).length;
  }

  async truth() {
    const jobs = (await this.#jobs()).map((job) => ({
      queue: job.queue,
      state: stateOf(job),
      created: job.createdOn / 1000,
      since: Math.max(job.createdOn, job.startAfter) / 1000,
      processed: job.completedOn / 1000,
      attempted: job.startedOn && job.startedOn / 1000,
    }));
    return truthOf(jobs, { hasProcessed: !this.#hasLostProcessed, hasAttempts: true });
  }
}

function stateOf({ state, blocked, startAfter }) {
  if (blocked) return "blocked";
  switch (state) {
    case states.created:
      return startAfter > Date.now() ? "scheduled" : "waiting";
    case states.retry:
      return startAfter > Date.now() ? "scheduled" : "failing";
    case states.active:
      return "running";
    case states.failed:
      return "exhausted";
    case states.completed:
      return "processed";
    default:
      return state;
  }
}

await serve(async (dsn) => {
  const boss = new PgBoss({
    connectionString: dsn,
    max: 2,
    schedule: false,
    supervise: false,
    maintenanceIntervalSeconds: RETENTION,
    monitorIntervalSeconds: RETENTION,
  });
  boss.on("error", (error) => console.error(error));
  return new Life(await boss.start());
});
