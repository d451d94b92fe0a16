// The life of BullMQ on PostgreSQL. The truth is that of Queue.getJobs().
import { setTimeout as sleep } from "node:timers/promises";
import { createPostgresBackend, FlowProducer, Queue, runMigrations, setDefaultBackendFactory, Worker } from "bullmq";
import pg from "pg";
import { DAY, HOUR, serve, truthOf } from "./life.mjs";

const SCHEMA = "bullmq";
const TOKEN = "life";
const LOCK_MS = 40;
const MOST = 100_000; // how many finished jobs are removed at most
const ATTEMPTS = { attempts: 2 };
const LATER = { attempts: 2, backoff: { type: "fixed", delay: HOUR * 1000 } };

class Life {
  #pool;
  #flows;
  #queues = new Map();
  #hasLostProcessed = false;

  constructor(pool) {
    this.#pool = pool;
    this.#flows = new FlowProducer({ connection: pool });
  }

  // The queue of that name, and a worker that runs a job when it is told to.
  #queue(name) {
    if (!this.#queues.has(name)) {
      const connection = this.#pool;
      const worker = new Worker(name, null, { connection, autorun: false, lockDuration: LOCK_MS, stalledInterval: 1 });
      this.#queues.set(name, { queue: new Queue(name, { connection }), worker });
    }
    return this.#queues.get(name);
  }

  async enqueue({ queue, outcome }) {
    await this.#queue(queue).queue.add(outcome, {}, outcome === "retry_later" ? LATER : ATTEMPTS);
  }

  // And a job that waits for the other one.
  async schedule({ queue }) {
    this.#queue(queue);
    const job = { name: "succeed", queueName: queue, opts: ATTEMPTS };
    await this.#flows.add({ ...job, children: [{ ...job, opts: { ...ATTEMPTS, delay: DAY * 1000 } }] });
  }

  // Each job is attempted once: a retry is behind the jobs that wait already.
  async run({ jobs }) {
    let left = jobs;
    for (const { queue, worker } of this.#queues.values()) {
      const taken = Math.min(left, await queue.getJobCountByTypes("waiting"));
      for (let number = 0; number < taken; number += 1) {
        const job = await worker.getNextJob(TOKEN, { block: false });
        if (job.name === "succeed") await job.moveToCompleted("sent", TOKEN, false);
        else await job.moveToFailed(new Error("the receiver refuses"), TOKEN, false);
      }
      left -= taken;
    }
  }

  async hang({ queue }) {
    await new Promise((runs) => {
      const process = () => {
        runs();
        return new Promise(() => {});
      };
      new Worker(queue, process, { connection: this.#pool, lockDuration: LOCK_MS });
    });
  }

  // A job that waits, or else one that is delayed, is removed.
  async cancel() {
    for (const state of ["waiting", "delayed"]) {
      for (const { queue } of this.#queues.values()) {
        const [job] = await queue.getJobs([state], 0, 0);
        if (job) return job.remove();
      }
    }
  }

  // Finished jobs are removed; then the jobs of killed workers are given back, as running workers do every 30 s.
  async prune() {
    for (const { queue, worker } of this.#queues.values()) {
      const processed = await queue.clean(0, MOST, "completed");
      this.#hasLostProcessed ||= processed.length > 0;
      await queue.clean(0, MOST, "failed");
      await worker.moveStalledJobsToWait(); // marks them
      await sleep(LOCK_MS);
      await worker.moveStalledJobsToWait();
    }
  }

  async #jobs(state) {
    const found = [];
    for (const [name, { queue }] of this.#queues) {
      const jobs = await queue.getJobs([state]);
      found.push(...jobs.map((job) => ({ queue: name, job })));
    }
    return found;
  }

  async truth() {
    const jobs = [];
    for (const state of Object.keys(STATES)) {
      for (const { queue, job } of await this.#jobs(state)) {
        jobs.push({
          queue,
          state: STATES[state](job),
          created: job.timestamp / 1000,
          since: job.timestamp / 1000,
          processed: job.finishedOn && job.finishedOn / 1000,
          attempted: job.attemptsMade && job.processedOn && job.processedOn / 1000,
        });
      }
    }
    return truthOf(jobs, { hasProcessed: !this.#hasLostProcessed, hasAttempts: true });
  }
}

// All delayed jobs of this life are delayed for longer than it lives.
const STATES = {
  waiting: ({ attemptsMade }) => (attemptsMade ? "failing" : "waiting"),
  delayed: () => "scheduled",
  active: () => "running",
  completed: () => "processed",
  failed: () => "exhausted",
};

await serve(async (dsn) => {
  setDefaultBackendFactory(createPostgresBackend);
  const pool = new pg.Pool({ connectionString: dsn, max: 4, options: `-c search_path=${SCHEMA}` });
  const client = await pool.connect();
  await runMigrations(client, SCHEMA);
  client.release();
  return new Life(pool);
});
