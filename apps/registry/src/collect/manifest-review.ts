import type { Digest } from "@cpm/base";
import type { AuditedTransaction } from "../access/audited-database.ts";
import { namespaceOf } from "../access/namespaces.ts";
import type { Reader } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import type { Query } from "../database/sql.ts";
import { deleteManifest } from "../metadata/manifests.ts";
import { repositoryIdOf } from "../metadata/repositories.ts";

export interface ReviewedManifest {
  readonly repository: string;
  readonly digest: Digest;
  readonly sizeBytes: number;
}

/** What becomes of manifests whose time has come. */
export interface ManifestReview {
  readonly reviewed: readonly ReviewedManifest[];
  readonly garbage: readonly ReviewedManifest[];
}

/** Since when nobody has used what is looked at: what lost its index or its subject, and what has no tag. */
export interface ManifestTimes {
  readonly orphansMs: number;
  readonly untaggedMs: number;
  /** Whether what has no tag goes at all. */
  readonly collectsUntagged: boolean;
}

interface ReviewRow {
  readonly repository: string;
  readonly digest: Digest;
  readonly orphaned: number;
  readonly kept: number;
  readonly size_bytes: number;
}

/**
 * What a tag or an index names stays, what is a version, and what refers to a manifest that is here. The rest goes when
 * it has outlived its index or its subject, or when manifests without a tag go.
 */
export async function planManifestReview(
  reader: Reader,
  times: ManifestTimes,
  limit: number,
  offset = 0,
): Promise<ManifestReview> {
  const due = sql`(r.orphaned = 1 AND r.touched_at <= ${times.orphansMs}
    OR r.orphaned = 0 AND r.touched_at <= ${times.untaggedMs})`;
  const rows = await reader.all<ReviewRow>(sql`
    SELECT n.name AS repository, m.digest, r.orphaned, CASE WHEN ${isKept} THEN 1 ELSE 0 END AS kept,
      octet_length(m.bytes) AS size_bytes
    FROM manifest_reviews r JOIN manifests m ON m.repository_id = r.repository_id AND m.digest = r.digest
    JOIN repositories n ON n.id = r.repository_id WHERE ${due}
    ORDER BY r.touched_at, r.repository_id, r.digest LIMIT ${limit} OFFSET ${offset}`);
  return {
    reviewed: rows.map(toReviewed),
    garbage: rows
      .filter(({ kept, orphaned }) => kept === 0 && (orphaned === 1 || times.collectsUntagged))
      .map(toReviewed),
  };
}

/** Within a query with the manifest as `m`. */
export const isKept: Query = sql`(
  EXISTS (SELECT 1 FROM tags t WHERE t.repository_id = m.repository_id AND t.digest = m.digest)
  OR EXISTS (SELECT 1 FROM manifest_contents c WHERE c.repository_id = m.repository_id AND c.digest = m.digest)
  OR EXISTS (SELECT 1 FROM manifests s WHERE s.repository_id = m.repository_id AND s.digest = m.subject)
  OR EXISTS (SELECT 1 FROM versions v JOIN packages p ON p.id = v.package_id JOIN repositories q ON q.name = p.name
    WHERE q.id = m.repository_id AND v.digest = m.digest))`;

/** In the transaction in which it was planned. What the manifests leave behind is looked at after the same time. */
export async function executeManifestReview(
  change: AuditedTransaction,
  { reviewed, garbage }: ManifestReview,
): Promise<void> {
  // First, since one that goes may queue another of these anew.
  for (const { repository, digest } of reviewed)
    await change.run(sql`
      DELETE FROM manifest_reviews WHERE repository_id = ${repositoryIdOf(repository)} AND digest = ${digest}`);
  for (const { repository, digest } of garbage) {
    await deleteManifest(change, repository, digest, change.now);
    const namespace = namespaceOf(repository);
    await change.record({ action: "manifest.collect", namespace, subject: repository, detail: { digest } });
    await change.announce({ kind: "manifest.deleted", name: repository, detail: { digest } });
  }
}

function toReviewed({ repository, digest, size_bytes: sizeBytes }: ReviewRow): ReviewedManifest {
  return { repository, digest, sizeBytes };
}
