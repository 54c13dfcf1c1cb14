import type { Digest } from "@cpm/base";
import type { Database, Reader } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import { repositoryIdOf } from "./repositories.ts";

/**
 * Puts off the reviews of what somebody was told is here, so that it is still here when they push what needs it. Only
 * what is queued is written, and of that only what was not put off lately: a collector waits so much longer.
 */
export class Promises {
  readonly #database: Database;
  readonly #now: () => number;
  readonly #slackMs: number;
  /** By repository, for the transaction that comes next: all who ask meanwhile share it. */
  readonly #waiting = new Map<string, Set<Digest>>();
  #next: Promise<void> | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(database: Database, now: () => number, slackMs: number) {
    this.#database = database;
    this.#now = now;
    this.#slackMs = slackMs;
  }

  /** To be called before it is looked whether they are here: what is found then stays. */
  async give(repository: string, digests: readonly Digest[]): Promise<void> {
    const stale = await staleAmong(this.#database, repository, digests, this.#now() - this.#slackMs);
    if (stale.length === 0) return;
    const waiting = this.#waiting.get(repository) ?? new Set();
    this.#waiting.set(repository, waiting);
    for (const digest of stale) waiting.add(digest);
    this.#next ??= this.#write();
    await this.#next;
  }

  async #write(): Promise<void> {
    // Who waits for that one is told how it ended.
    await this.#running.catch(() => undefined);
    const promised = [...this.#waiting];
    this.#waiting.clear();
    this.#next = undefined;
    this.#running = this.#touch(promised);
    await this.#running;
  }

  async #touch(promised: readonly (readonly [string, ReadonlySet<Digest>])[]): Promise<void> {
    const now = this.#now();
    await this.#database.transact(async (transaction) => {
      for (const [repository, set] of promised) {
        const digests = [...set];
        await transaction.run(sql`UPDATE blob_reviews SET touched_at = ${now} WHERE digest IN ${digests}`);
        await transaction.run(sql`
          UPDATE manifest_reviews SET touched_at = ${now}
          WHERE repository_id = ${repositoryIdOf(repository)} AND digest IN ${digests}`);
      }
    });
  }
}

/** Of these, what the repository shows and what is queued without having been touched since. */
async function staleAmong(
  reader: Reader,
  repository: string,
  digests: readonly Digest[],
  since: number,
): Promise<readonly Digest[]> {
  if (digests.length === 0) return [];
  const id = repositoryIdOf(repository);
  const rows = await reader.all<{ digest: Digest }>(sql`
    SELECT r.digest FROM blob_reviews r JOIN repository_blobs rb ON rb.digest = r.digest
    WHERE rb.repository_id = ${id} AND r.digest IN ${digests} AND r.touched_at < ${since}
    UNION ALL SELECT digest FROM manifest_reviews
    WHERE repository_id = ${id} AND digest IN ${digests} AND touched_at < ${since}`);
  return rows.map(({ digest }) => digest);
}
