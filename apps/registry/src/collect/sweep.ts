import type { Digest } from "@cpm/base";
import { failpoint } from "@cpm/store";
import type { AuditedDatabase } from "../access/audited-database.ts";
import { sql } from "../database/sql.ts";
import type { ObjectStorage, StoredObject } from "../objects/object-storage.ts";
import type { CollectCounts } from "./collect-counts.ts";
import type { CollectSettings } from "./collect-settings.ts";
import { isKept } from "./manifest-review.ts";
import { findOrphans, nameOrphans } from "./orphans.ts";

export interface SweepParts {
  readonly database: AuditedDatabase;
  readonly storage: ObjectStorage;
  readonly counts: CollectCounts;
  readonly settings: CollectSettings;
  readonly now: () => number;
}

const blobsAtOnce = 1000;
const repositoriesAtOnce = 20;

/**
 * Finds what no event told of: objects of no blob, as a crash between storage and database leaves them, and blobs and
 * manifests that nothing needs and that are not queued, such as those of a time before manifests without a tag were to
 * go. It removes nothing itself: objects are named as to be removed, the rest is queued and stays for the delay from now.
 */
export class Sweep {
  readonly #parts: SweepParts;
  /** Of the pass that is under way, from page to page. */
  #pass: AsyncGenerator<void> | undefined;

  constructor(parts: SweepParts) {
    this.#parts = parts;
  }

  /** One page. After a failure the next step begins anew. */
  async step(): Promise<"more" | "done"> {
    this.#pass ??= this.#everything();
    try {
      const { done } = await this.#pass.next();
      if (done !== true) return "more";
    } catch (error) {
      this.#pass = undefined;
      throw error;
    }
    this.#pass = undefined;
    return "done";
  }

  /** The objects that would be named. */
  async plan(): Promise<readonly StoredObject[]> {
    const { database, storage } = this.#parts;
    const found: StoredObject[] = [];
    for await (const page of storage.pages())
      found.push(...(await findOrphans(database, storage, page, this.#unchangedSince())));
    return found;
  }

  async *#everything(): AsyncGenerator<void> {
    for (let last: string | undefined = ""; last !== undefined; yield) last = await this.#queueBlobs(last);
    for (let last: number | undefined = 0; last !== undefined; yield) last = await this.#queueManifests(last);
    for await (const page of this.#parts.storage.pages()) {
      await this.#nameOrphans(page);
      yield;
    }
  }

  async #nameOrphans(page: readonly StoredObject[]): Promise<void> {
    const { database, storage, counts, now } = this.#parts;
    const [since, at] = [this.#unchangedSince(), now()];
    // Most pages have none, and nobody has to wait for them.
    const likely = await findOrphans(database, storage, page, since);
    if (likely.length === 0) return;
    const orphans = await database.transact(async (transaction) => {
      const orphans = await findOrphans(transaction, storage, likely, since);
      await nameOrphans(transaction, orphans, at);
      return orphans;
    });
    failpoint("sweep/orphans-named");
    counts.add({ orphans: orphans.length });
  }

  /** Those that a repository shows without needing them, or that none shows; a page after a digest. Answers the last. */
  async #queueBlobs(after: string): Promise<string | undefined> {
    const { database, now } = this.#parts;
    const rows = await database.all<{ digest: Digest }>(
      sql`SELECT digest FROM blobs WHERE digest > ${after} ORDER BY digest LIMIT ${blobsAtOnce}`,
    );
    const page = rows.map(({ digest }) => digest);
    const at = now();
    await database.transact((transaction) =>
      transaction.run(sql`
        INSERT INTO blob_reviews (digest, touched_at) SELECT b.digest, CAST(${at} AS BIGINT) FROM blobs b
        WHERE b.digest IN ${page} AND NOT EXISTS (SELECT 1 FROM blob_reviews r WHERE r.digest = b.digest)
          AND (NOT EXISTS (SELECT 1 FROM repository_blobs rb WHERE rb.digest = b.digest)
            OR EXISTS (SELECT 1 FROM repository_blobs rb WHERE rb.digest = b.digest AND NOT EXISTS (
              SELECT 1 FROM manifest_contents c WHERE c.repository_id = rb.repository_id AND c.digest = rb.digest)))`),
    );
    return page.at(-1);
  }

  /** Of some repositories after one. Answers the last. */
  async #queueManifests(after: number): Promise<number | undefined> {
    const { database, settings, now } = this.#parts;
    const rows = await database.all<{ id: number }>(
      sql`SELECT id FROM repositories WHERE id > ${after} ORDER BY id LIMIT ${repositoriesAtOnce}`,
    );
    const last = rows.at(-1)?.id;
    if (last === undefined) return undefined;
    const untagged = Number.isFinite(settings.untaggedAfterMs) ? sql`` : sql`AND m.subject IS NOT NULL`;
    const at = now();
    await database.transact((transaction) =>
      transaction.run(sql`
        INSERT INTO manifest_reviews (repository_id, digest, touched_at, orphaned)
        SELECT m.repository_id, m.digest, CAST(${at} AS BIGINT), CASE WHEN m.subject IS NULL THEN 0 ELSE 1 END
        FROM manifests m WHERE m.repository_id > ${after} AND m.repository_id <= ${last}
          AND NOT ${isKept} ${untagged} AND NOT EXISTS (
            SELECT 1 FROM manifest_reviews r WHERE r.repository_id = m.repository_id AND r.digest = m.digest)`),
    );
    return last;
  }

  #unchangedSince(): number {
    const { settings, now } = this.#parts;
    return now() - settings.delayMs;
  }
}
