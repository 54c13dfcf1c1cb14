import type { AuditedDatabase } from "../access/audited-database.ts";
import type { Transaction } from "../database/database.ts";
import { sql } from "../database/sql.ts";

/** A delivery that is being tried, with all that this needs. */
export interface ClaimedDelivery {
  readonly id: number;
  readonly webhook: string;
  readonly namespace: string;
  readonly url: string;
  readonly secret: string;
  readonly body: string;
  /** This one included. */
  readonly attempts: number;
}

export interface DeliveryListing {
  readonly id: number;
  readonly kind: string;
  readonly state: "pending" | "delivered" | "failed";
  readonly attempts: number;
  readonly createdAt: number;
  /** Of one that is pending. */
  readonly nextAt?: number;
  readonly endedAt?: number;
  /** What came of the last attempt. */
  readonly answer?: string;
}

interface Row {
  readonly id: number;
  readonly kind: string;
  readonly state: DeliveryListing["state"];
  readonly attempts: number;
  readonly created_at: number;
  readonly next_at: number;
  readonly ended_at: number | null;
  readonly answer: string | null;
}

const maxAnswerLength = 300;
/** How many of one webhook are tried at once, of those that have been due the longest. */
const atOnceOfOne = 4;
const dueLookedAt = 1000;
const forgottenAtOnce = 1000;
/** How many in a row are given up before a webhook is told of nothing any more. */
const maxFailures = 5;
const by = { actor: "registry", requestId: "webhooks" };

/** The deliveries of webhooks, as replicas share them: each is tried by one at a time, and until it arrived or is given up. */
export class Deliveries {
  readonly #database: AuditedDatabase;

  constructor(database: AuditedDatabase) {
    this.#database = database;
  }

  /** Those that are due, for the time of a lease: who does not end one within it gives it back. */
  async claim(limit: number, leaseMs: number): Promise<readonly ClaimedDelivery[]> {
    const now = this.#database.now();
    const due = sql`state = 'pending' AND next_at <= ${now}`;
    // Most looks find nothing: they cost no transaction.
    if ((await this.#database.get(sql`SELECT 1 FROM deliveries WHERE ${due} LIMIT 1`)) === undefined) return [];
    return this.#database.transact(async (transaction) => {
      const claimed = await transaction.all<{ id: number }>(sql`
        UPDATE deliveries SET next_at = ${now + leaseMs}, attempts = attempts + 1 WHERE id IN (
          SELECT id FROM (
            SELECT id, next_at, row_number() OVER (PARTITION BY webhook ORDER BY next_at, id) AS place FROM (
              SELECT id, webhook, next_at FROM deliveries WHERE ${due} ORDER BY next_at LIMIT ${dueLookedAt}) AS first
          ) AS due WHERE place <= ${atOnceOfOne} ORDER BY next_at, id LIMIT ${limit})
        RETURNING id`);
      const ids = claimed.map(({ id }) => String(id));
      return transaction.all<ClaimedDelivery>(sql`
        SELECT d.id, d.webhook, w.namespace, w.url, w.secret, d.body, d.attempts
        FROM deliveries d JOIN webhooks w ON w.id = d.webhook
        WHERE d.id IN (SELECT CAST(claimed.value AS BIGINT) FROM ${ids} AS claimed) ORDER BY d.id`);
    });
  }

  /** It arrived: whatever was wrong with the webhook is not any more. */
  async delivered({ id, webhook }: ClaimedDelivery, answer: string): Promise<void> {
    const now = this.#database.now();
    await this.#database.transact(async (transaction) => {
      await end(transaction, id, "delivered", answer, now);
      await transaction.run(sql`
        UPDATE webhooks SET failures = 0, disabled = NULL
        WHERE id = ${webhook} AND (failures > 0 OR disabled IS NOT NULL)`);
    });
  }

  /** It is tried again after a time. */
  async putOff({ id, attempts }: ClaimedDelivery, afterMs: number, answer: string): Promise<void> {
    const nextAt = this.#database.now() + afterMs;
    await this.#database.run(sql`
      UPDATE deliveries SET next_at = ${nextAt}, answer = ${answer.slice(0, maxAnswerLength)}
      WHERE id = ${id} AND attempts = ${attempts} AND state = 'pending'`);
  }

  /** It was not tried to its end, which is nobody's fault. */
  async giveBack({ id, attempts }: ClaimedDelivery): Promise<void> {
    await this.#database.run(sql`
      UPDATE deliveries SET next_at = ${this.#database.now()}, attempts = attempts - 1
      WHERE id = ${id} AND attempts = ${attempts} AND state = 'pending'`);
  }

  /** It is tried no more. After too many of them, or when the receiver wants none, the webhook is disabled. */
  async failed({ id, webhook, namespace }: ClaimedDelivery, answer: string, unwanted: boolean): Promise<void> {
    await this.#database.change(by, async (change) => {
      await end(change, id, "failed", answer, change.now);
      const hook = await change.get<{ failures: number; disabled: string | null }>(sql`
        UPDATE webhooks SET failures = failures + 1 WHERE id = ${webhook} RETURNING failures, disabled`);
      if (hook === undefined || hook.disabled !== null || (!unwanted && hook.failures < maxFailures)) return;
      const reason = unwanted
        ? `the receiver wants no more: ${answer}`
        : `${hook.failures} deliveries in a row were given up, the last because: ${answer}`;
      await change.run(sql`
        UPDATE webhooks SET disabled = ${reason.slice(0, maxAnswerLength)} WHERE id = ${webhook}`);
      await change.run(sql`
        UPDATE deliveries SET state = 'failed', ended_at = ${change.now}, answer = 'the webhook was disabled'
        WHERE webhook = ${webhook} AND state = 'pending'`);
      await change.record({ action: "webhook.disable", namespace, subject: webhook, detail: { reason } });
    });
  }

  /** The newest first, from before `before`. */
  async list(webhook: string, before: number, limit: number): Promise<readonly DeliveryListing[]> {
    const rows = await this.#database.all<Row>(sql`
      SELECT id, kind, state, attempts, created_at, next_at, ended_at, answer FROM deliveries
      WHERE webhook = ${webhook} AND id < ${before} ORDER BY id DESC LIMIT ${limit}`);
    return rows.map(toListing);
  }

  async countPending(): Promise<number> {
    const query = sql`SELECT count(*) AS count FROM deliveries WHERE state = 'pending'`;
    return (await this.#database.get<{ count: number }>(query))?.count ?? 0;
  }

  async countDisabled(): Promise<number> {
    const query = sql`SELECT count(*) AS count FROM webhooks WHERE disabled IS NOT NULL`;
    return (await this.#database.get<{ count: number }>(query))?.count ?? 0;
  }

  /** Removes what ended before a time; true when there is more of it. */
  async forget(beforeMs: number): Promise<boolean> {
    const removed = await this.#database.run(sql`
      DELETE FROM deliveries WHERE id IN (
        SELECT id FROM deliveries WHERE ended_at < ${beforeMs} LIMIT ${forgottenAtOnce})`);
    return removed === forgottenAtOnce;
  }
}

async function end(
  transaction: Transaction,
  id: number,
  state: "delivered" | "failed",
  answer: string,
  now: number,
): Promise<void> {
  await transaction.run(sql`
    UPDATE deliveries SET state = ${state}, ended_at = ${now}, answer = ${answer.slice(0, maxAnswerLength)}
    WHERE id = ${id} AND state = 'pending'`);
}

function toListing({
  created_at: createdAt,
  next_at: nextAt,
  ended_at: endedAt,
  answer,
  ...row
}: Row): DeliveryListing {
  return {
    ...row,
    createdAt,
    ...(row.state === "pending" ? { nextAt } : {}),
    ...(endedAt === null ? {} : { endedAt }),
    ...(answer === null ? {} : { answer }),
  };
}
