// The life of pg-transactional-outbox with its polling listener. A queue is a message type. The truth is plain SQL.
//
// A message is locked for a time when the listener takes it, and stays so after a failure. Calls return after that
// time.
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import {
  DatabaseSetupExporter,
  getDisabledLogger,
  initializeMessageStorage,
  initializePollingMessageListener,
  runMessageCleanupOnce,
} from "pg-transactional-outbox";
import pg from "pg";
import { DAY, HOUR, serve, truthOf } from "./life.mjs";

const LOCK_MS = 20;
const RETENTION = 0.001; // seconds
const FUNCTION = "next_outbox_messages";
const logger = getDisabledLogger();
const after = (seconds) => new Date(Date.now() + seconds * 1000).toISOString();

class Life {
  #pool;
  #config;
  #store;
  #hasLostProcessed = false;

  constructor(pool, config) {
    this.#pool = pool;
    this.#config = config;
    this.#store = initializeMessageStorage(config, logger);
  }

  // Sequential messages wait for the oldest one of their segment; the others do not.
  #add(queue, outcome, lockedUntil) {
    const message = {
      id: randomUUID(),
      aggregateType: "order",
      aggregateId: "1",
      messageType: queue,
      concurrency: "parallel",
      payload: { outcome },
      lockedUntil,
    };
    return this.#store(message, this.#pool);
  }

  enqueue({ queue, outcome }) {
    return this.#add(queue, outcome);
  }

  schedule({ queue }) {
    return this.#add(queue, "succeed", after(DAY));
  }

  async run({ jobs }) {
    const handle = async ({ payload }) => {
      if (payload.outcome !== "succeed") throw new Error("the receiver refuses");
    };
    const handleError = async (_error, { id, payload }, client, isRetried) => {
      if (!isRetried || payload.outcome !== "retry_later") return;
      await client.query("UPDATE outbox SET locked_until = $2 WHERE id = $1", [id, after(HOUR)]);
    };
    await this.#listen({ handle, handleError }, jobs);
    await sleep(LOCK_MS + 1);
  }

  // Takes one batch and stops when it has ended.
  async #listen(handler, batchSize) {
    let size = batchSize;
    let stop;
    await new Promise((ends) => {
      const batchSizeStrategy = async (running) => {
        const next = size;
        size = 0;
        if (!next && !running) ends();
        if (!next) await sleep(1);
        return next;
      };
      [stop] = initializePollingMessageListener(this.#config, handler, logger, { batchSizeStrategy });
    });
    await stop();
  }

  async hang() {
    await new Promise((runs) => {
      const handle = () => {
        runs();
        return new Promise(() => {});
      };
      this.#listen({ handle }, 1);
    });
    await sleep(LOCK_MS + 1);
  }

  // The library has no such call.
  async cancel() {}

  async prune() {
    const processed = "SELECT count(*) FROM outbox WHERE processed_at IS NOT NULL";
    const before = await this.#pool.query(processed);
    await runMessageCleanupOnce(this.#pool, this.#config);
    const after = await this.#pool.query(processed);
    this.#hasLostProcessed ||= after.rows[0].count !== before.rows[0].count;
  }

  async truth() {
    const { rows } = await this.#pool.query(`
      SELECT message_type AS queue,
             CASE WHEN processed_at IS NOT NULL THEN 'processed'
                  WHEN abandoned_at IS NOT NULL THEN 'exhausted'
                  WHEN locked_until > now() THEN 'scheduled'
                  WHEN started_attempts = 0 THEN 'waiting'
                  ELSE 'failing' END AS state,
             extract(epoch FROM created_at)::float8 AS created,
             extract(epoch FROM greatest(created_at, locked_until))::float8 AS since,
             extract(epoch FROM processed_at)::float8 AS processed
      FROM outbox`);
    return truthOf(rows, { hasProcessed: !this.#hasLostProcessed, hasAttempts: false });
  }
}

async function install(pool) {
  const { rows } = await pool.query("SELECT current_database() AS database, to_regclass('outbox') AS existing");
  const { database, existing } = rows[0];
  const where = { outboxOrInbox: "outbox", database, schema: "public", table: "outbox", listenerRole: "CURRENT_USER" };
  const script = DatabaseSetupExporter.createPollingScript({ ...where, nextMessagesName: FUNCTION });
  if (!existing) await pool.query(script);
}

await serve(async (dsn) => {
  const pool = new pg.Pool({ connectionString: dsn, max: 1 });
  await install(pool);
  const config = {
    outboxOrInbox: "outbox",
    dbListenerConfig: { connectionString: dsn },
    settings: {
      dbSchema: "public",
      dbTable: "outbox",
      nextMessagesFunctionName: FUNCTION,
      nextMessagesLockInMs: LOCK_MS,
      nextMessagesPollingIntervalInMs: 1,
      maxAttempts: 2,
      enableMaxAttemptsProtection: true,
      enablePoisonousMessageProtection: true,
      messageCleanupProcessedInSec: RETENTION,
      messageCleanupAbandonedInSec: RETENTION,
    },
  };
  return new Life(pool, config);
});
