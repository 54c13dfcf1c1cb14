import type { Digest } from "@cpm/base";
import type { Reader } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import type { ObjectName } from "../objects/object-storage.ts";

/** A blob as it was when it was listed. */
export interface BlobToScrub {
  readonly kind: "blob";
  readonly repositoryId: 0;
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly object: ObjectName | undefined;
  /** With `generation` it says which bytes were stored: one that was collected and pushed again is another. */
  readonly createdAtMs: number;
  readonly generation: number;
  readonly damaged: boolean;
}

export interface ManifestToScrub {
  readonly kind: "manifest";
  readonly repositoryId: number;
  readonly repository: string;
  readonly digest: Digest;
  readonly bytes: Uint8Array;
  readonly damaged: boolean;
}

export type ContentToScrub = BlobToScrub | ManifestToScrub;

interface BlobRow {
  readonly digest: Digest;
  readonly size_bytes: number;
  readonly object: ObjectName | null;
  readonly created_at: number;
  readonly generation: number;
  readonly damaged_at: number | null;
}

interface ManifestPlace {
  readonly repository_id: number;
  readonly digest: Digest;
}

interface ManifestRow extends ManifestPlace {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly damaged_at: number | null;
}

const contentsAtOnce = 500;
const manifestBytesAtOnce = 4 * 1024 * 1024;

export async function blobsAfter(reader: Reader, last: string): Promise<readonly BlobToScrub[]> {
  const rows = await reader.all<BlobRow>(sql`
    SELECT digest, size_bytes, object, created_at, generation, damaged_at FROM blobs
    WHERE digest > ${last} ORDER BY digest LIMIT ${contentsAtOnce}`);
  return rows.map((row) => ({
    kind: "blob",
    repositoryId: 0,
    digest: row.digest,
    sizeBytes: row.size_bytes,
    object: row.object ?? undefined,
    createdAtMs: row.created_at,
    generation: row.generation,
    damaged: row.damaged_at !== null,
  }));
}

/** First how large they are, then as many as may be held in memory, and at least one. */
export async function manifestsAfter(
  reader: Reader,
  repositoryId: number,
  last: string,
): Promise<readonly ManifestToScrub[]> {
  const after = sql`(m.repository_id, m.digest) > (CAST(${repositoryId} AS BIGINT), ${last})`;
  const places = await reader.all<ManifestPlace & { readonly size_bytes: number }>(sql`
    SELECT m.repository_id, m.digest, octet_length(m.bytes) AS size_bytes FROM manifests m
    WHERE ${after} ORDER BY m.repository_id, m.digest LIMIT ${contentsAtOnce}`);
  let bytes = 0;
  const over = places.findIndex((place, index) => (bytes += place.size_bytes) > manifestBytesAtOnce && index > 0);
  const end = places.at(over === -1 ? -1 : over - 1);
  if (end === undefined) return [];
  const rows = await reader.all<ManifestRow>(sql`
    SELECT m.repository_id, m.digest, m.bytes, m.damaged_at, r.name FROM manifests m
    JOIN repositories r ON r.id = m.repository_id
    WHERE ${after} AND (m.repository_id, m.digest) <= (CAST(${end.repository_id} AS BIGINT), ${end.digest})
    ORDER BY m.repository_id, m.digest`);
  return rows.map((row) => ({
    kind: "manifest",
    repositoryId: row.repository_id,
    repository: row.name,
    digest: row.digest,
    bytes: row.bytes,
    damaged: row.damaged_at !== null,
  }));
}
