import type { Database, SQLQueryBindings } from "bun:sqlite";
import type { Digest } from "@cpm/base";
import { incompleteManifest, parseManifestBytes, referrerDescriptor } from "@cpm/oci";
import type { Descriptor } from "@cpm/oci";
import { failpoint } from "@cpm/store";
import type { AuditLog, Author } from "./access/audit-log.ts";
import { namespaceOf } from "./access/namespaces.ts";
import type { Visibility } from "./access/rights.ts";
import { registryError, versionExists } from "./errors.ts";
import type { BlobRow, Metadata, NewManifest, ReferrersPage, StoredManifest, VerifiedPackage } from "./metadata.ts";
import { SqlitePackages } from "./sqlite-packages.ts";
import type { FinishedUpload } from "./uploads.ts";
import { visibleRows } from "./visible-namespaces.ts";

interface ManifestRow {
  readonly digest: Digest;
  readonly media_type: string;
  readonly bytes: Uint8Array;
}

const repositoryOf = "(SELECT id FROM repositories WHERE name = ?)";

/** Metadata in one SQLite file. */
export class SqliteMetadata implements Metadata {
  readonly #database: Database;
  readonly #audit: AuditLog;
  readonly #now: () => number;
  readonly #packages: SqlitePackages;

  constructor(database: Database, audit: AuditLog, now: () => number) {
    this.#database = database;
    this.#audit = audit;
    this.#now = now;
    this.#packages = new SqlitePackages(database, now);
  }

  finishUpload(repository: string, digest: Digest, { id, object, sizeBytes, version }: FinishedUpload): void {
    this.#transact(() => {
      const mine = version === undefined ? "" : " AND version = ?";
      const values = version === undefined ? [id] : [id, version];
      if (this.#run(`DELETE FROM uploads WHERE id = ?${mine}`, ...values) === 0)
        throw registryError("registry-server/upload-range", "another request took over this upload");
      this.#showBlob(repository, digest, sizeBytes);
      this.#run("UPDATE blobs SET object = ? WHERE digest = ?", object, digest);
    });
  }

  blob(repository: string, digest: Digest): BlobRow | undefined {
    const row = this.#get<{ size_bytes: number; object: string | null }>(
      `SELECT b.size_bytes, b.object FROM repository_blobs rb JOIN repositories r ON r.id = rb.repository_id
       JOIN blobs b ON b.digest = rb.digest WHERE r.name = ? AND rb.digest = ?`,
      repository,
      digest,
    );
    return row === undefined ? undefined : { sizeBytes: row.size_bytes, object: row.object ?? undefined };
  }

  mountBlob(from: string | undefined, to: string, digest: Digest): boolean {
    return this.#transact(() => {
      const sizeBytes = from === undefined ? this.#publicBlobSize(digest) : this.blob(from, digest)?.sizeBytes;
      if (sizeBytes === undefined) return false;
      this.#showBlob(to, digest, sizeBytes);
      return true;
    });
  }

  unlinkBlob(repository: string, digest: Digest, by: Author): boolean {
    return this.#transact(() => {
      this.#refuseInUse(repository, digest);
      const sql = `DELETE FROM repository_blobs WHERE repository_id = ${repositoryOf} AND digest = ?`;
      if (this.#run(sql, repository, digest) === 0) return false;
      this.#record(by, "blob.delete", repository, { digest });
      return true;
    });
  }

  openUploads(actor: string, sinceMs: number): number {
    const sql = "SELECT count(*) AS count FROM uploads WHERE actor = ? AND created_at >= ?";
    return this.#get<{ count: number }>(sql, actor, sinceMs)?.count ?? 0;
  }

  allOpenUploads(): number {
    return this.#get<{ count: number }>("SELECT count(*) AS count FROM uploads")?.count ?? 0;
  }

  missing(repository: string, contents: readonly Digest[]): readonly Digest[] {
    const sql = `SELECT 1 FROM repository_blobs WHERE repository_id = ${repositoryOf} AND digest = ?
      UNION ALL SELECT 1 FROM manifests WHERE repository_id = ${repositoryOf} AND digest = ?`;
    return contents.filter((digest) => this.#get(sql, repository, digest, repository, digest) === undefined);
  }

  putManifest(manifest: NewManifest, by: Author): void {
    this.#transact(() => {
      this.#storeManifest(manifest, by);
      failpoint("manifest/stored");
    });
    failpoint("manifest/recorded");
  }

  manifestByDigest(repository: string, digest: Digest): StoredManifest | undefined {
    const sql = `SELECT digest, media_type, bytes FROM manifests WHERE repository_id = ${repositoryOf} AND digest = ?`;
    return toManifest(this.#get<ManifestRow>(sql, repository, digest));
  }

  manifestByTag(repository: string, tag: string): StoredManifest | undefined {
    const sql = `SELECT m.digest, m.media_type, m.bytes FROM tags t
      JOIN manifests m ON m.repository_id = t.repository_id AND m.digest = t.digest
      WHERE t.repository_id = ${repositoryOf} AND t.name = ?`;
    return toManifest(this.#get<ManifestRow>(sql, repository, tag));
  }

  verifiedPackage(repository: string, digest: Digest): VerifiedPackage | undefined {
    const sql = `SELECT package FROM manifests WHERE repository_id = ${repositoryOf} AND digest = ?`;
    const text = this.#get<{ package: string | null }>(sql, repository, digest)?.package ?? undefined;
    return text === undefined ? undefined : (JSON.parse(text) as VerifiedPackage);
  }

  removeManifest(repository: string, digest: Digest, by: Author): boolean {
    return this.#transact(() => {
      this.#refuseInUse(repository, digest);
      const sql =
        "SELECT v.version FROM versions v JOIN packages p ON p.id = v.package_id WHERE p.name = ? AND v.digest = ?";
      const published = this.#get<{ version: string }>(sql, repository, digest);
      if (published !== undefined) throw versionInUse(repository, published.version);
      this.#run(`DELETE FROM tags WHERE repository_id = ${repositoryOf} AND digest = ?`, repository, digest);
      const removal = `DELETE FROM manifests WHERE repository_id = ${repositoryOf} AND digest = ?`;
      if (this.#run(removal, repository, digest) === 0) return false;
      this.#record(by, "manifest.delete", repository, { digest });
      return true;
    });
  }

  removeTag(repository: string, tag: string, by: Author): boolean {
    return this.#transact(() => {
      const version = versionOfTag(tag);
      if (this.publishedDigest(repository, version) !== undefined) throw versionInUse(repository, version);
      const sql = `DELETE FROM tags WHERE repository_id = ${repositoryOf} AND name = ?`;
      if (this.#run(sql, repository, tag) === 0) return false;
      this.#record(by, "tag.delete", repository, { tag });
      return true;
    });
  }

  hasRepository(repository: string): boolean {
    return this.#get("SELECT 1 FROM repositories WHERE name = ?", repository) !== undefined;
  }

  repositories(visible: Visibility, last: string, limit: number): readonly string[] {
    const [condition, values] = visibleRows("r", visible);
    const sql = `SELECT r.name FROM repositories r WHERE ${condition} AND r.name > ? ORDER BY r.name LIMIT ?`;
    return this.#all<{ name: string }>(sql, ...values, last, limit).map((row) => row.name);
  }

  tags(repository: string, last: string, limit: number): readonly string[] {
    // SQLite compares text by its UTF-8 bytes.
    const sql = `SELECT name FROM tags WHERE repository_id = ${repositoryOf} AND name > ? ORDER BY name LIMIT ?`;
    return this.#all<{ name: string }>(sql, repository, last, limit).map((row) => row.name);
  }

  referrers(repository: string, subject: Digest, last: string, maxBytes: number): ReferrersPage {
    const sql = `SELECT digest, media_type, bytes FROM manifests
      WHERE repository_id = ${repositoryOf} AND subject = ? AND digest > ? ORDER BY digest`;
    const rows = this.#database.query<ManifestRow, SQLQueryBindings[]>(sql).iterate(repository, subject, last);
    const referrers: Descriptor[] = [];
    let bytes = 0;
    for (const row of rows) {
      const before = referrers.at(-1)?.digest;
      if (before !== undefined && bytes + row.bytes.length > maxBytes) return { referrers, next: before };
      bytes += row.bytes.length;
      referrers.push(referrerDescriptor(parseManifestBytes(row.bytes, row.media_type), row.digest, row.bytes.length));
    }
    return { referrers };
  }

  publishedDigest(name: string, version: string): Digest | undefined {
    return this.#packages.publishedDigest(name, version);
  }

  search(query: string, visible: Visibility, limit: number, offset: number): ReturnType<Metadata["search"]> {
    return this.#packages.search(query, visible, limit, offset);
  }

  package(name: string): ReturnType<Metadata["package"]> {
    return this.#packages.package(name);
  }

  #storeManifest(manifest: NewManifest, by: Author): void {
    const { repository, digest, mediaType, artifactType, subject, bytes, tags, contents } = manifest;
    // Looked at again where nothing can be deleted meanwhile.
    const missing = this.missing(repository, contents);
    if (missing.length > 0) throw incompleteManifest(repository, digest, missing);
    for (const tag of tags) this.#refuseMove(repository, tag, digest);
    this.#recordPush(manifest, by);
    if (manifest.publish && manifest.package !== undefined) this.#packages.publish(manifest.package, digest);
    const id = this.#repositoryId(repository);
    const verified = manifest.package === undefined ? null : JSON.stringify(manifest.package);
    const now = this.#now();
    this.#run(
      "INSERT OR IGNORE INTO manifests (repository_id, digest, media_type, artifact_type, subject, package, bytes, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      id,
      digest,
      mediaType,
      artifactType ?? null,
      subject ?? null,
      verified,
      bytes,
      now,
    );
    for (const content of new Set(contents))
      this.#run(
        "INSERT OR IGNORE INTO manifest_contents (repository_id, digest, manifest) VALUES (?, ?, ?)",
        id,
        content,
        digest,
      );
    for (const tag of tags) {
      this.#run(
        "INSERT INTO tags (repository_id, name, digest, updated_at) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET digest = excluded.digest, updated_at = excluded.updated_at",
        id,
        tag,
        digest,
        now,
      );
    }
  }

  /** A push of what is here already, under tags that it has already, changes nothing. */
  #recordPush({ repository, digest, tags, package: verified, publish }: NewManifest, by: Author): void {
    const moved = tags.filter((tag) => this.manifestByTag(repository, tag)?.digest !== digest);
    if (moved.length === 0 && this.manifestByDigest(repository, digest) !== undefined) return;
    const version = publish && verified !== undefined ? { version: verified.version } : {};
    this.#record(by, "manifest.push", repository, { digest, tags: moved, ...version });
  }

  #record(by: Author, action: string, repository: string, detail: Readonly<Record<string, unknown>>): void {
    this.#audit.record(by, { action, namespace: namespaceOf(repository), subject: repository, detail });
  }

  /** Whatever is pushed, also what is no package: the tag of a version means the version. */
  #refuseMove(repository: string, tag: string, digest: Digest): void {
    const version = versionOfTag(tag);
    const present = this.publishedDigest(repository, version);
    if (present !== undefined && present !== digest) throw versionExists(repository, version, present, digest);
  }

  #refuseInUse(repository: string, digest: Digest): void {
    const sql = `SELECT manifest FROM manifest_contents WHERE repository_id = ${repositoryOf} AND digest = ?`;
    const user = this.#get<{ manifest: Digest }>(sql, repository, digest)?.manifest;
    if (user === undefined) return;
    const message = `manifest ${user} of ${repository} refers to ${digest}`;
    throw registryError("registry-server/in-use", message, { digest, manifest: user });
  }

  #showBlob(repository: string, digest: Digest, sizeBytes: number): void {
    const id = this.#repositoryId(repository);
    const sql = "INSERT OR IGNORE INTO blobs (digest, size_bytes, created_at) VALUES (?, ?, ?)";
    this.#run(sql, digest, sizeBytes, this.#now());
    this.#run("INSERT OR IGNORE INTO repository_blobs (repository_id, digest) VALUES (?, ?)", id, digest);
  }

  #publicBlobSize(digest: Digest): number | undefined {
    const sql = `SELECT b.size_bytes FROM blobs b WHERE b.digest = ? AND EXISTS (
      SELECT 1 FROM repository_blobs rb JOIN repositories r ON r.id = rb.repository_id
      JOIN namespaces n ON n.name = r.namespace WHERE rb.digest = b.digest AND n.private = 0)`;
    return this.#get<{ size_bytes: number }>(sql, digest)?.size_bytes;
  }

  /** Its namespace is there by the rules of access; in an open registry it comes with its first repository. */
  #repositoryId(name: string): number {
    const namespace = "INSERT OR IGNORE INTO namespaces (name, private, created_at) VALUES (?, 0, ?)";
    this.#run(namespace, namespaceOf(name), this.#now());
    this.#run("INSERT OR IGNORE INTO repositories (name) VALUES (?)", name);
    const id = this.#get<{ id: number }>("SELECT id FROM repositories WHERE name = ?", name)?.id;
    if (id === undefined) throw new TypeError("a repository that was just written is there");
    return id;
  }

  /** Takes the right to write at the start: a transaction that reads first could not get it any more afterwards. */
  #transact<T>(run: () => T): T {
    return this.#database.transaction(run).immediate();
  }

  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller knows what its query selects
  #get<Row>(sql: string, ...values: SQLQueryBindings[]): Row | undefined {
    return this.#database.query<Row, SQLQueryBindings[]>(sql).get(...values) ?? undefined;
  }

  #all<Row>(sql: string, ...values: SQLQueryBindings[]): Row[] {
    return this.#database.query<Row, SQLQueryBindings[]>(sql).all(...values);
  }

  /** How many rows were changed. `query` keeps prepared statements. */
  #run(sql: string, ...values: SQLQueryBindings[]): number {
    return this.#database.query(sql).run(...values).changes;
  }
}

/** Where the tag is no version's, nothing is published under what this answers. */
function versionOfTag(tag: string): string {
  return tag.replace("_", "+");
}

function versionInUse(name: string, version: string) {
  return registryError("registry-server/in-use", `${name}@${version} is published; a version is not deleted`);
}

function toManifest(row: ManifestRow | undefined): StoredManifest | undefined {
  if (row === undefined) return undefined;
  const { digest, media_type: mediaType, bytes } = row;
  return { digest, mediaType, bytes };
}
