import type { Digest } from "@cpm/base";
import type { Database, Transaction } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import { deprecationsOf, everyVersion } from "../metadata/deprecations.ts";
import type { ObjectName } from "../objects/object-storage.ts";
import type { ExportedManifest, RepositoryDocument } from "./repository-document.ts";

/** A blob that a manifest of the repository needs. */
export interface CutBlob {
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly object: ObjectName | undefined;
}

/** A repository as it is at one moment. */
export interface RepositoryCut extends RepositoryDocument {
  readonly manifests: readonly CutManifest[];
  readonly tags: readonly { readonly name: string; readonly digest: Digest }[];
  readonly blobs: readonly CutBlob[];
}

export interface CutManifest extends ExportedManifest {
  readonly mediaType: string;
  readonly sizeBytes: number;
  readonly artifactType: string | undefined;
  /** What it cannot be without. */
  readonly contents: readonly Digest[];
}

/** Undefined where it is gone. */
export async function readRepository(database: Database, name: string): Promise<RepositoryCut | undefined> {
  return database.transact(async (transaction) => {
    const found = await transaction.get<{ id: number; private: number }>(sql`
      SELECT r.id, n.private FROM repositories r JOIN namespaces n ON n.name = r.namespace WHERE r.name = ${name}`);
    if (found === undefined) return undefined;
    const { id } = found;
    return {
      repository: name,
      private: found.private === 1,
      manifests: await readManifests(transaction, id),
      tags: await transaction.all<{ name: string; digest: Digest }>(
        sql`SELECT name, digest FROM tags WHERE repository_id = ${id} ORDER BY name`,
      ),
      versions: await readVersions(transaction, name),
      deprecations: await readDeprecations(transaction, name),
      blobs: await readBlobs(transaction, id),
    };
  });
}

async function readManifests(transaction: Transaction, id: number): Promise<readonly CutManifest[]> {
  const contents = new Map<Digest, Digest[]>();
  const links = await transaction.all<{ manifest: Digest; digest: Digest }>(
    sql`SELECT manifest, digest FROM manifest_contents WHERE repository_id = ${id}`,
  );
  for (const { manifest, digest } of links) {
    const known = contents.get(manifest);
    if (known === undefined) contents.set(manifest, [digest]);
    else known.push(digest);
  }
  const rows = await transaction.all<{
    digest: Digest;
    media_type: string;
    artifact_type: string | null;
    size_bytes: number;
    created_at: number;
  }>(sql`
    SELECT digest, media_type, artifact_type, octet_length(bytes) AS size_bytes, created_at FROM manifests
    WHERE repository_id = ${id} ORDER BY digest`);
  return rows.map((row) => ({
    digest: row.digest,
    mediaType: row.media_type,
    artifactType: row.artifact_type ?? undefined,
    sizeBytes: row.size_bytes,
    storedAtMs: row.created_at,
    contents: contents.get(row.digest) ?? [],
  }));
}

async function readVersions(transaction: Transaction, name: string): Promise<RepositoryDocument["versions"]> {
  const rows = await transaction.all<{ version: string; digest: Digest; published_at: number }>(sql`
    SELECT v.version, v.digest, v.published_at FROM versions v JOIN packages p ON p.id = v.package_id
    WHERE p.name = ${name} ORDER BY v.published_at, v.version`);
  return rows.map(({ version, digest, published_at: publishedAtMs }) => ({ version, digest, publishedAtMs }));
}

async function readDeprecations(transaction: Transaction, name: string): Promise<RepositoryDocument["deprecations"]> {
  const found = await transaction.get<{ id: number }>(sql`SELECT id FROM packages WHERE name = ${name}`);
  const notices = found === undefined ? [] : [...(await deprecationsOf(transaction, found.id))];
  return notices
    .map(([version, notice]) => ({ ...notice, ...(version === everyVersion ? {} : { version }) }))
    .toSorted((left, right) => ((left.version ?? "") < (right.version ?? "") ? -1 : 1));
}

async function readBlobs(transaction: Transaction, id: number): Promise<readonly CutBlob[]> {
  const rows = await transaction.all<{ digest: Digest; size_bytes: number; object: ObjectName | null }>(sql`
    SELECT b.digest, b.size_bytes, b.object FROM blobs b
    WHERE b.digest IN (SELECT c.digest FROM manifest_contents c WHERE c.repository_id = ${id})`);
  return rows.map(({ digest, size_bytes: sizeBytes, object }) => ({ digest, sizeBytes, object: object ?? undefined }));
}
