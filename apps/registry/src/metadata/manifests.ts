import { digestAlgorithm } from "@cpm/base";
import type { Digest } from "@cpm/base";
import { parseManifestBytes, referrerDescriptor } from "@cpm/oci";
import type { Descriptor } from "@cpm/oci";
import { digestOf } from "@cpm/store";
import type { Reader, Transaction } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import { contentLost } from "../errors.ts";
import type { NewManifest, ReferrersPage, StoredManifest, VerifiedPackage } from "../metadata.ts";
import { healDamage } from "./damages.ts";
import type { ManifestBytes } from "./manifest-bytes.ts";
import { repositoryIdOf } from "./repositories.ts";
import { reviewRemains } from "./reviews.ts";

interface HeadRow {
  readonly digest: Digest;
  readonly media_type: string;
  readonly damaged_at: number | null;
}

interface ManifestRow {
  readonly digest: Digest;
  readonly media_type: string;
  readonly bytes: Uint8Array;
}

const maxReferrersListed = 1000;

export async function manifestByDigest(
  reader: Reader,
  kept: ManifestBytes,
  repository: string,
  digest: Digest,
): Promise<StoredManifest | undefined> {
  const row = await reader.get<HeadRow>(sql`
    SELECT digest, media_type, damaged_at FROM manifests
    WHERE repository_id = ${repositoryIdOf(repository)} AND digest = ${digest}`);
  return row === undefined ? undefined : withBytes(reader, kept, repository, row);
}

export async function manifestByTag(
  reader: Reader,
  kept: ManifestBytes,
  repository: string,
  tag: string,
): Promise<StoredManifest | undefined> {
  const row = await reader.get<HeadRow>(sql`
    SELECT m.digest, m.media_type, m.damaged_at FROM tags t
    JOIN manifests m ON m.repository_id = t.repository_id AND m.digest = t.digest
    WHERE t.repository_id = ${repositoryIdOf(repository)} AND t.name = ${tag}`);
  return row === undefined ? undefined : withBytes(reader, kept, repository, row);
}

/** Undefined when it was deleted since it was found. */
async function withBytes(
  reader: Reader,
  kept: ManifestBytes,
  repository: string,
  { digest, media_type: mediaType, damaged_at: damagedAt }: HeadRow,
): Promise<StoredManifest | undefined> {
  if (damagedAt !== null) throw manifestLost(repository, digest);
  const head = { digest, mediaType };
  const known = kept.get(digest);
  if (known !== undefined) return { ...head, bytes: known };
  const row = await reader.get<{ bytes: Uint8Array }>(sql`
    SELECT bytes FROM manifests WHERE repository_id = ${repositoryIdOf(repository)} AND digest = ${digest}`);
  if (row === undefined) return undefined;
  // Once for all the times that they are answered from memory.
  if (digestOf(row.bytes, digestAlgorithm(digest)) !== digest) throw manifestLost(repository, digest);
  kept.add(digest, row.bytes);
  return { ...head, bytes: row.bytes };
}

export async function hasManifest(reader: Reader, repository: string, digest: Digest): Promise<boolean> {
  const row = await reader.get(sql`
    SELECT 1 FROM manifests WHERE repository_id = ${repositoryIdOf(repository)} AND digest = ${digest}`);
  return row !== undefined;
}

/** How another manifest refers to it. */
export async function manifestDescriptor(
  reader: Reader,
  repository: string,
  digest: Digest,
): Promise<Descriptor | undefined> {
  const row = await reader.get<{ media_type: string; size_bytes: number }>(sql`
    SELECT media_type, octet_length(bytes) AS size_bytes FROM manifests
    WHERE repository_id = ${repositoryIdOf(repository)} AND digest = ${digest}`);
  return row === undefined ? undefined : { mediaType: row.media_type, digest, sizeBytes: row.size_bytes };
}

export async function verifiedPackage(
  reader: Reader,
  repository: string,
  digest: Digest,
): Promise<VerifiedPackage | undefined> {
  const row = await reader.get<{ package: string | null }>(sql`
    SELECT package FROM manifests WHERE repository_id = ${repositoryIdOf(repository)} AND digest = ${digest}`);
  const text = row?.package ?? undefined;
  return text === undefined ? undefined : (JSON.parse(text) as VerifiedPackage);
}

/** Which of these the repository has neither as a blob nor as a manifest, or only damaged. */
export async function missingContents(
  reader: Reader,
  repository: string,
  contents: readonly Digest[],
): Promise<readonly Digest[]> {
  if (contents.length === 0) return [];
  const id = repositoryIdOf(repository);
  const rows = await reader.all<{ digest: string }>(sql`
    SELECT rb.digest FROM repository_blobs rb JOIN blobs b ON b.digest = rb.digest
    WHERE rb.repository_id = ${id} AND rb.digest IN ${contents} AND b.damaged_at IS NULL
    UNION ALL SELECT digest FROM manifests
    WHERE repository_id = ${id} AND digest IN ${contents} AND damaged_at IS NULL`);
  const present = new Set(rows.map((row) => row.digest));
  return contents.filter((digest) => !present.has(digest));
}

/** A manifest of the repository that cannot be without this content. */
export async function manifestThatNeeds(
  reader: Reader,
  repository: string,
  content: Digest,
): Promise<Digest | undefined> {
  const row = await reader.get<{ manifest: Digest }>(sql`
    SELECT manifest FROM manifest_contents
    WHERE repository_id = ${repositoryIdOf(repository)} AND digest = ${content} LIMIT 1`);
  return row?.manifest;
}

/** With what it refers to. Where it is already, and whole, nothing changes. */
export async function insertManifest(
  transaction: Transaction,
  repositoryId: number,
  manifest: NewManifest,
  now: number,
): Promise<void> {
  const { digest, mediaType, artifactType = null, subject = null, bytes, contents, storedAtMs = now } = manifest;
  const verified = manifest.package === undefined ? null : JSON.stringify(manifest.package);
  const inserted = await transaction.run(sql`
    INSERT INTO manifests (repository_id, digest, media_type, artifact_type, subject, package, bytes, created_at)
    VALUES (${repositoryId}, ${digest}, ${mediaType}, ${artifactType}, ${subject}, ${verified}, ${bytes}, ${storedAtMs})
    ON CONFLICT (repository_id, digest) DO NOTHING`);
  if (inserted === 0) await healManifest(transaction, repositoryId, manifest, now);
  if (inserted === 0 || contents.length === 0) return;
  await transaction.run(sql`
    INSERT INTO manifest_contents (repository_id, digest, manifest)
    SELECT m.repository_id, content.value, m.digest FROM manifests m CROSS JOIN ${[...new Set(contents)]} AS content
    WHERE m.repository_id = ${repositoryId} AND m.digest = ${digest}`);
}

/** What was pushed has the right digest: it takes the place of what was damaged. */
async function healManifest(
  transaction: Transaction,
  repositoryId: number,
  { repository, digest, bytes }: NewManifest,
  now: number,
): Promise<void> {
  const healed = await transaction.run(sql`
    UPDATE manifests SET bytes = ${bytes}, damaged_at = NULL
    WHERE repository_id = ${repositoryId} AND digest = ${digest} AND damaged_at IS NOT NULL`);
  if (healed > 0) await healDamage(transaction, digest, repository, now);
}

/** With the tags that point to it; what it alone needed is collected later. False when there was none. */
export async function deleteManifest(
  transaction: Transaction,
  repository: string,
  digest: Digest,
  now: number,
): Promise<boolean> {
  const own = sql`repository_id = ${repositoryIdOf(repository)} AND digest = ${digest}`;
  await reviewRemains(transaction, repository, digest, now);
  await healDamage(transaction, digest, repository, now);
  await transaction.run(sql`DELETE FROM tags WHERE ${own}`);
  return (await transaction.run(sql`DELETE FROM manifests WHERE ${own}`)) > 0;
}

/** First how large they are: as many are read as may be answered. */
export async function listReferrers(
  reader: Reader,
  repository: string,
  subject: Digest,
  last: string,
  maxBytes: number,
): Promise<ReferrersPage> {
  const own = sql`repository_id = ${repositoryIdOf(repository)} AND subject = ${subject} AND digest > ${last}`;
  const sizes = await reader.all<{ digest: Digest; size_bytes: number }>(sql`
    SELECT digest, octet_length(bytes) AS size_bytes FROM manifests WHERE ${own}
    ORDER BY digest LIMIT ${maxReferrersListed + 1}`);
  const count = countWithin(sizes, maxBytes);
  const end = sizes[count - 1]?.digest;
  if (end === undefined) return { referrers: [] };
  const rows = await reader.all<ManifestRow>(sql`
    SELECT digest, media_type, bytes FROM manifests WHERE ${own} AND digest <= ${end} ORDER BY digest`);
  const referrers = rows.map((row) =>
    referrerDescriptor(parseManifestBytes(row.bytes, row.media_type), row.digest, row.bytes.length),
  );
  return { referrers, ...(count < sizes.length ? { next: end } : {}) };
}

/** At least one, if there is any. */
function countWithin(rows: readonly { readonly size_bytes: number }[], maxBytes: number): number {
  let bytes = 0;
  const over = rows.findIndex((row, index) => {
    bytes += row.size_bytes;
    return index > 0 && (bytes > maxBytes || index === maxReferrersListed);
  });
  return over === -1 ? rows.length : over;
}

function manifestLost(repository: string, digest: Digest) {
  return contentLost(`the bytes of manifest ${digest} of ${repository} are damaged`);
}
