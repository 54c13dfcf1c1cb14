import type { Digest } from "@cpm/base";
import type { Reader, Transaction } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import type { BlobRow } from "../metadata.ts";
import type { ObjectName } from "../objects/object-storage.ts";
import { healDamage } from "./damages.ts";
import { ensureRepository } from "./repositories.ts";
import { reviewBlobs } from "./reviews.ts";

/** For as long as a slow client may read what it began with, or use an address that it was given. */
const replacedObjectMs = 24 * 60 * 60_000;

/** A blob that a repository may show. */
export async function shownBlob(reader: Reader, repository: string, digest: Digest): Promise<BlobRow | undefined> {
  const row = await reader.get<{ size_bytes: number; object: ObjectName | null; damaged_at: number | null }>(sql`
    SELECT b.size_bytes, b.object, b.damaged_at FROM repository_blobs rb JOIN repositories r ON r.id = rb.repository_id
    JOIN blobs b ON b.digest = rb.digest WHERE r.name = ${repository} AND rb.digest = ${digest}`);
  if (row === undefined) return undefined;
  return { sizeBytes: row.size_bytes, object: row.object ?? undefined, damaged: row.damaged_at !== null };
}

/** The size of a blob that a repository may show and that is not damaged. */
export async function soundBlobSize(reader: Reader, repository: string, digest: Digest): Promise<number | undefined> {
  const blob = await shownBlob(reader, repository, digest);
  return blob?.damaged === false ? blob.sizeBytes : undefined;
}

/** The size of a blob that some public repository shows and that is not damaged. */
export async function publicBlobSize(reader: Reader, digest: Digest): Promise<number | undefined> {
  const row = await reader.get<{ size_bytes: number }>(sql`
    SELECT b.size_bytes FROM blobs b WHERE b.digest = ${digest} AND b.damaged_at IS NULL AND EXISTS (
      SELECT 1 FROM repository_blobs rb JOIN repositories r ON r.id = rb.repository_id
      JOIN namespaces n ON n.name = r.namespace WHERE rb.digest = b.digest AND n.private = 0)`);
  return row?.size_bytes;
}

/** Lets a repository show a blob, for as long as a manifest there needs it and for a while until one does. */
export async function showBlob(
  transaction: Transaction,
  repository: string,
  digest: Digest,
  sizeBytes: number,
  now: number,
): Promise<void> {
  const id = await ensureRepository(transaction, repository, now);
  await transaction.run(sql`
    INSERT INTO blobs (digest, size_bytes, created_at) VALUES (${digest}, ${sizeBytes}, ${now})
    ON CONFLICT (digest) DO NOTHING`);
  await transaction.run(sql`
    INSERT INTO repository_blobs (repository_id, digest) VALUES (${id}, ${digest})
    ON CONFLICT (repository_id, digest) DO NOTHING`);
  await reviewBlobs(transaction, [digest], now);
}

/**
 * Says which object has a blob's bytes from now on: the right ones, whatever was there before. The one that it had is
 * removed when nobody reads it any more.
 */
export async function pointBlob(
  transaction: Transaction,
  digest: Digest,
  object: ObjectName,
  now: number,
): Promise<void> {
  await transaction.run(sql`
    INSERT INTO object_removals (object, size_bytes, remove_after)
    SELECT object, size_bytes, CAST(${now + replacedObjectMs} AS BIGINT) FROM blobs
    WHERE digest = ${digest} AND object <> ${object}`);
  await transaction.run(sql`
    UPDATE blobs SET object = ${object}, generation = generation + 1, damaged_at = NULL WHERE digest = ${digest}`);
  await healDamage(transaction, digest, "", now);
}
