import type { Digest } from "@cpm/base";
import type { Reader, Transaction } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import { healDamage } from "../metadata/damages.ts";
import type { ObjectName } from "../objects/object-storage.ts";

export interface GarbageBlob {
  readonly digest: Digest;
  readonly object: ObjectName;
  readonly sizeBytes: number;
}

/** What becomes of blobs whose time has come. */
export interface BlobReview {
  readonly reviewed: readonly Digest[];
  /** Those of them that no manifest needs, in any repository. */
  readonly garbage: readonly GarbageBlob[];
  /** Where the next ones begin. */
  readonly last: ReviewPosition;
}

/** In the order of reviews: by time, then by digest. */
export interface ReviewPosition {
  readonly touchedAtMs: number;
  readonly digest: string;
}

export const firstPosition: ReviewPosition = { touchedAtMs: -1, digest: "" };

/**
 * Looks at blobs that nobody has used since a time. What a manifest of a repository needs, that repository goes on
 * showing; in the others it is garbage, and where all are others, its bytes are.
 */
export async function planBlobReview(
  reader: Reader,
  untouchedSinceMs: number,
  defaultObject: (digest: Digest) => ObjectName,
  limit: number,
  after: ReviewPosition = firstPosition,
): Promise<BlobReview> {
  const { touchedAtMs, digest } = after;
  const due = await reader.all<{ digest: Digest; touched_at: number }>(sql`
    SELECT digest, touched_at FROM blob_reviews
    WHERE touched_at <= ${untouchedSinceMs} AND touched_at >= ${touchedAtMs}
      AND (touched_at > ${touchedAtMs} OR digest > ${digest})
    ORDER BY touched_at, digest LIMIT ${limit}`);
  const reviewed = due.map((row) => row.digest);
  const end = due.at(-1);
  const last = end === undefined ? after : { touchedAtMs: end.touched_at, digest: end.digest };
  const rows = await reader.all<{ digest: Digest; object: ObjectName | null; size_bytes: number }>(sql`
    SELECT b.digest, b.object, b.size_bytes FROM blobs b WHERE b.digest IN ${reviewed} AND NOT EXISTS (
      SELECT 1 FROM repository_blobs rb
      JOIN manifest_contents c ON c.repository_id = rb.repository_id AND c.digest = rb.digest
      WHERE rb.digest = b.digest)`);
  const garbage = rows.map(({ digest, object, size_bytes: sizeBytes }): GarbageBlob => ({
    digest,
    object: object ?? defaultObject(digest),
    sizeBytes,
  }));
  return { reviewed, garbage, last };
}

/** In the transaction in which it was planned: whoever needs one of them by then was seen, or comes after. */
export async function executeBlobReview(
  transaction: Transaction,
  { reviewed, garbage }: BlobReview,
  now: number,
): Promise<void> {
  if (reviewed.length === 0) return;
  const digests = garbage.map(({ digest }) => digest);
  await transaction.run(sql`
    DELETE FROM repository_blobs AS rb WHERE rb.digest IN ${reviewed} AND NOT EXISTS (
      SELECT 1 FROM manifest_contents c WHERE c.repository_id = rb.repository_id AND c.digest = rb.digest)`);
  for (const { object, sizeBytes } of garbage)
    await transaction.run(sql`
      INSERT INTO object_removals (object, size_bytes, remove_after) VALUES (${object}, ${sizeBytes}, ${now})
      ON CONFLICT (object) DO UPDATE SET remove_after = excluded.remove_after`);
  // What is gone is damaged no more.
  for (const digest of digests) await healDamage(transaction, digest, "", now);
  await transaction.run(sql`DELETE FROM blobs WHERE digest IN ${digests}`);
  await transaction.run(sql`DELETE FROM blob_reviews WHERE digest IN ${reviewed}`);
}
