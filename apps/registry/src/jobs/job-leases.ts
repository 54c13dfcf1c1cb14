import type { Database } from "../database/database.ts";
import { sql } from "../database/sql.ts";

interface JobRow {
  readonly leased_until: number;
  readonly last_started_at: number;
}

/** How a run ended: `broken-off` where there was more to do, which is then due at once. */
export type JobEnd = "done" | "broken-off" | { readonly error: string };

/** For longer than a replica may be held up without being gone. */
export const jobLeaseMs = 60_000;
const maxErrorLength = 500;

/** Who does which job, in the table `jobs`. The clocks of replicas differ by less than a lease. */
export class JobLeases {
  readonly #database: Database;
  readonly #holder: string;
  readonly #now: () => number;

  constructor(database: Database, holder: string, now: () => number) {
    this.#database = database;
    this.#holder = holder;
    this.#now = now;
  }

  /** Begins a run where one is due and nobody is at it: undefined. Otherwise how long it is until then, in milliseconds. */
  async take(name: string, intervalMs: number): Promise<number | undefined> {
    const now = this.#now();
    const known = await this.#database.get<JobRow>(rowOf(name));
    const waitMs = waitOf(known, intervalMs, now);
    // Most looks find nothing to do: they cost no transaction.
    if (waitMs > 0) return waitMs;
    return this.#database.transact(async (transaction) => {
      const waitMs = waitOf(await transaction.get<JobRow>(rowOf(name)), intervalMs, now);
      if (waitMs > 0) return waitMs;
      await transaction.run(sql`
        INSERT INTO jobs (name, holder, leased_until, last_started_at)
        VALUES (${name}, ${this.#holder}, ${now + jobLeaseMs}, ${now})
        ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, leased_until = excluded.leased_until,
          last_started_at = excluded.last_started_at`);
      return undefined;
    });
  }

  /** False when the lease lapsed and somebody else took the job. */
  async renew(name: string): Promise<boolean> {
    const until = this.#now() + jobLeaseMs;
    const renewed = await this.#database.transact((transaction) =>
      transaction.run(sql`UPDATE jobs SET leased_until = ${until} WHERE ${this.#own(name)}`),
    );
    return renewed > 0;
  }

  async end(name: string, end: JobEnd): Promise<void> {
    const now = this.#now();
    const error = typeof end === "string" ? null : end.error.slice(0, maxErrorLength);
    const started = end === "broken-off" ? sql`, last_started_at = 0` : sql``;
    await this.#database.transact((transaction) =>
      transaction.run(sql`
        UPDATE jobs SET leased_until = 0, last_ended_at = ${now}, last_error = ${error} ${started}
        WHERE ${this.#own(name)}`),
    );
  }

  #own(name: string) {
    return sql`name = ${name} AND holder = ${this.#holder}`;
  }
}

function rowOf(name: string) {
  return sql`SELECT leased_until, last_started_at FROM jobs WHERE name = ${name}`;
}

/** How long a job is not to be begun. What lies further ahead than it can was written by a clock that was wrong. */
function waitOf(row: JobRow | undefined, intervalMs: number, now: number): number {
  if (row === undefined) return 0;
  const leasedMs = row.leased_until - now;
  const dueMs = row.last_started_at + intervalMs - now;
  return Math.max(0, leasedMs > 2 * jobLeaseMs ? 0 : leasedMs, dueMs > intervalMs + jobLeaseMs ? 0 : dueMs);
}
