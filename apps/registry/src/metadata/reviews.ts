import type { Digest } from "@cpm/base";
import type { Transaction } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import type { Query } from "../database/sql.ts";
import { repositoryIdOf } from "./repositories.ts";

/**
 * What may be garbage from now on, or has to be kept for a while, is queued for a review by the transaction that makes
 * it so. Each of these queues anew what is queued already: the last event counts.
 */

/** `digests`: a list, or a query of them, of which those that are blobs are queued. */
export async function reviewBlobs(
  transaction: Transaction,
  digests: readonly Digest[] | Query,
  now: number,
): Promise<void> {
  await transaction.run(sql`
    INSERT INTO blob_reviews (digest, touched_at)
    SELECT b.digest, CAST(${now} AS BIGINT) FROM blobs b WHERE b.digest IN ${digests}
    ON CONFLICT (digest) DO UPDATE SET touched_at = excluded.touched_at`);
}

/** Manifests that have lost a tag, or were pushed without one. A referrer without a subject lives no longer than one with. */
export async function reviewUntagged(
  transaction: Transaction,
  repository: string,
  digests: readonly Digest[] | Query,
  now: number,
): Promise<void> {
  const hasSubject = sql`EXISTS (
    SELECT 1 FROM manifests s WHERE s.repository_id = m.repository_id AND s.digest = m.subject)`;
  const orphaned = sql`CASE WHEN m.subject IS NULL OR ${hasSubject} THEN 0 ELSE 1 END`;
  await reviewManifests(transaction, repository, sql`m.digest IN ${digests}`, orphaned, now);
}

/** What a manifest that is about to go leaves behind: its blobs, and the manifests that live as long as it does. */
export async function reviewRemains(
  transaction: Transaction,
  repository: string,
  manifest: Digest,
  now: number,
): Promise<void> {
  const contents = sql`(SELECT c.digest FROM manifest_contents c
    WHERE c.repository_id = ${repositoryIdOf(repository)} AND c.manifest = ${manifest})`;
  await reviewBlobs(transaction, contents, now);
  const dependants = sql`(m.subject = ${manifest} OR m.digest IN ${contents})`;
  await reviewManifests(transaction, repository, dependants, sql`1`, now);
}

async function reviewManifests(
  transaction: Transaction,
  repository: string,
  which: Query,
  orphaned: Query,
  now: number,
): Promise<void> {
  await transaction.run(sql`
    INSERT INTO manifest_reviews (repository_id, digest, touched_at, orphaned)
    SELECT m.repository_id, m.digest, CAST(${now} AS BIGINT), ${orphaned} FROM manifests m
    WHERE m.repository_id = ${repositoryIdOf(repository)} AND ${which}
    ON CONFLICT (repository_id, digest) DO UPDATE SET touched_at = excluded.touched_at, orphaned = excluded.orphaned`);
}
