// The life of Graphile Worker. A queue of the life is a task identifier. The truth is plain SQL on the private
// tables.
//
// A retry waits for e^attempts seconds, which cannot be configured. rescheduleJobs() makes it due at once or in an
// hour.
import { EventEmitter } from "node:events";
import { Logger, makeWorkerUtils, runOnce } from "graphile-worker";
import pg from "pg";
import { DAY, HOUR, serve, truthOf } from "./life.mjs";

const MAX_ATTEMPTS = 2;
const after = (seconds) => new Date(Date.now() + seconds * 1000);

class Life {
  #options;
  #utils;
  #queues = new Set();
  #keys = [];

  constructor(options, utils) {
    this.#options = options;
    this.#utils = utils;
  }

  async #add(queue, outcome, options) {
    this.#queues.add(queue);
    const key = `key ${this.#keys.length}`;
    this.#keys.push(key);
    await this.#utils.addJob(queue, { outcome }, { jobKey: key, maxAttempts: MAX_ATTEMPTS, ...options });
  }

  enqueue({ queue, outcome }) {
    return this.#add(queue, outcome);
  }

  schedule({ queue }) {
    return this.#add(queue, "succeed", { runAt: after(DAY) });
  }

  async run({ jobs }) {
    let left = jobs;
    const failed = { fail: [], retry_later: [] };
    await this.#work([...this.#queues], async ({ outcome }, { job }, pool) => {
      left -= 1;
      if (left === 0) pool.gracefulShutdown();
      if (outcome === "succeed") return;
      failed[outcome].push(job.id);
      throw new Error("the receiver refuses");
    });
    await this.#utils.rescheduleJobs(failed.fail, { runAt: after(0) });
    await this.#utils.rescheduleJobs(failed.retry_later, { runAt: after(HOUR) });
  }

  // A worker that ends when it is idle.
  async #work(queues, task) {
    let pool;
    const events = new EventEmitter();
    events.once("pool:create", ({ workerPool }) => (pool = workerPool));
    const run = (payload, helpers) => task(payload, helpers, pool);
    if (!queues.length) return; // it refuses to start without a task
    const taskList = Object.fromEntries(queues.map((queue) => [queue, run]));
    await runOnce({ ...this.#options, concurrency: 1, noHandleSignals: true, events, taskList });
  }

  async hang({ queue }) {
    await new Promise((runs) => {
      this.#work([queue], () => {
        runs();
        return new Promise(() => {});
      });
    });
  }

  // The pending job that is due first.
  async cancel() {
    const sql = `SELECT key FROM graphile_worker._private_jobs
                 WHERE is_available AND key IS NOT NULL ORDER BY run_at LIMIT 1`;
    const [{ key } = {}] = (await this.#options.pgPool.query(sql)).rows;
    if (key) await this.#options.pgPool.query("SELECT graphile_worker.remove_job($1)", [key]);
  }

  // Exhausted jobs are deleted; then the jobs of killed workers are given back.
  async prune() {
    await this.#utils.cleanup({ tasks: ["DELETE_PERMAFAILED_JOBS", "GC_JOB_QUEUES"] });
    const sql = "SELECT DISTINCT locked_by FROM graphile_worker._private_jobs WHERE locked_by IS NOT NULL";
    const { rows } = await this.#options.pgPool.query(sql);
    await this.#utils.forceUnlockWorkers(rows.map(({ locked_by }) => locked_by));
  }

  async truth() {
    const { rows } = await this.#options.pgPool.query(`
      SELECT (SELECT identifier FROM graphile_worker._private_tasks WHERE id = task_id) AS queue,
             CASE WHEN locked_by IS NOT NULL THEN 'running'
                  WHEN NOT is_available THEN 'exhausted'
                  WHEN run_at > now() THEN 'scheduled'
                  WHEN attempts = 0 THEN 'waiting'
                  ELSE 'failing' END AS state,
             extract(epoch FROM greatest(created_at, run_at))::float8 AS since
      FROM graphile_worker._private_jobs`);
    return truthOf(rows, { hasProcessed: false, hasAttempts: false });
  }
}

await serve(async (dsn) => {
  const pgPool = new pg.Pool({ connectionString: dsn, max: 4 });
  pgPool.on("error", (error) => console.error(error));
  pgPool.on("connect", (client) => client.on("error", (error) => console.error(error)));
  // Without batches a worker that has stopped may not have written yet how its last job ended.
  const preset = { worker: { completeJobBatchDelay: 0, failJobBatchDelay: 0 } };
  const options = { pgPool, preset, logger: new Logger(() => () => {}) };
  const utils = await makeWorkerUtils(options);
  await utils.migrate();
  return new Life(options, utils);
});
