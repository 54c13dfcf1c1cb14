import { Database, SQLiteError } from "bun:sqlite";
import type { SQLQueryBindings } from "bun:sqlite";
import type { Digest } from "@cpm/base";
import { incompleteManifest, parseManifestBytes, referrerDescriptor } from "@cpm/oci";
import type { Descriptor } from "@cpm/oci";
import { failpoint } from "@cpm/store";
import { registryError, versionExists } from "./errors.ts";
import type { Metadata, NewManifest, ReferrersPage, StoredManifest, VerifiedPackage } from "./metadata.ts";
import initialMigration from "./migrations/0001-initial.sql" with { type: "text" };
import { SqlitePackages } from "./sqlite-packages.ts";

/** Numbered, never changed once released; the database remembers how many were run. */
const migrations: readonly string[] = [initialMigration];

interface ManifestRow {
  readonly digest: Digest;
  readonly media_type: string;
  readonly bytes: Uint8Array;
}

/** Opens or makes the database. Throws `registry-server/database`, and `registry-server/layout-version` for a newer one. */
export function openSqliteMetadata(path: string, now: () => number): SqliteMetadata {
  try {
    const database = new Database(path, { create: true, strict: true });
    database.run("PRAGMA journal_mode = WAL");
    // What was answered must survive a power cut.
    database.run("PRAGMA synchronous = FULL");
    database.run("PRAGMA foreign_keys = ON");
    database.run("PRAGMA busy_timeout = 10000");
    migrate(database);
    return new SqliteMetadata(database, now);
  } catch (cause) {
    if (!(cause instanceof SQLiteError)) throw cause;
    throw registryError("registry-server/database", `${path} cannot be opened: ${cause.message}`, undefined, cause);
  }
}

function migrate(database: Database): void {
  const done = database.query<{ user_version: number }, []>("PRAGMA user_version").get()?.user_version ?? 0;
  if (done > migrations.length) {
    throw registryError(
      "registry-server/layout-version",
      `the database has version ${done}; this registry knows ${migrations.length}`,
    );
  }
  database.transaction(() => {
    for (const migration of migrations.slice(done)) database.run(migration);
    database.run(`PRAGMA user_version = ${migrations.length}`);
  })();
}

const repositoryOf = "(SELECT id FROM repositories WHERE name = ?)";

/** Metadata in one SQLite file. */
export class SqliteMetadata implements Metadata {
  readonly #database: Database;
  readonly #now: () => number;
  readonly #packages: SqlitePackages;

  constructor(database: Database, now: () => number) {
    this.#database = database;
    this.#now = now;
    this.#packages = new SqlitePackages(database, now);
  }

  finishUpload(id: string, repository: string, digest: Digest, sizeBytes: number): void {
    this.#transact(() => {
      this.#showBlob(repository, digest, sizeBytes);
      this.removeUpload(id);
    });
  }

  blobSize(repository: string, digest: Digest): number | undefined {
    return this.#get<{ size_bytes: number }>(
      `SELECT b.size_bytes FROM repository_blobs rb JOIN repositories r ON r.id = rb.repository_id
       JOIN blobs b ON b.digest = rb.digest WHERE r.name = ? AND rb.digest = ?`,
      repository,
      digest,
    )?.size_bytes;
  }

  mountBlob(from: string | undefined, to: string, digest: Digest): boolean {
    return this.#transact(() => {
      const sizeBytes = from === undefined ? this.#anyBlobSize(digest) : this.blobSize(from, digest);
      if (sizeBytes === undefined) return false;
      this.#showBlob(to, digest, sizeBytes);
      return true;
    });
  }

  unlinkBlob(repository: string, digest: Digest): boolean {
    return this.#transact(() => {
      this.#refuseInUse(repository, digest);
      const sql = `DELETE FROM repository_blobs WHERE repository_id = ${repositoryOf} AND digest = ?`;
      return this.#run(sql, repository, digest) > 0;
    });
  }

  createUpload(id: string, repository: string): void {
    this.#run("INSERT INTO uploads (id, repository, created_at) VALUES (?, ?, ?)", id, repository, this.#now());
  }

  hasUpload(id: string, repository: string): boolean {
    return this.#get("SELECT 1 FROM uploads WHERE id = ? AND repository = ?", id, repository) !== undefined;
  }

  removeUpload(id: string): void {
    this.#run("DELETE FROM uploads WHERE id = ?", id);
  }

  missing(repository: string, contents: readonly Digest[]): readonly Digest[] {
    const sql = `SELECT 1 FROM repository_blobs WHERE repository_id = ${repositoryOf} AND digest = ?
      UNION ALL SELECT 1 FROM manifests WHERE repository_id = ${repositoryOf} AND digest = ?`;
    return contents.filter((digest) => this.#get(sql, repository, digest, repository, digest) === undefined);
  }

  putManifest(manifest: NewManifest): void {
    this.#transact(() => {
      this.#storeManifest(manifest);
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

  removeManifest(repository: string, digest: Digest): boolean {
    return this.#transact(() => {
      this.#refuseInUse(repository, digest);
      const sql =
        "SELECT v.version FROM versions v JOIN packages p ON p.id = v.package_id WHERE p.name = ? AND v.digest = ?";
      const published = this.#get<{ version: string }>(sql, repository, digest);
      if (published !== undefined) throw versionInUse(repository, published.version);
      this.#run(`DELETE FROM tags WHERE repository_id = ${repositoryOf} AND digest = ?`, repository, digest);
      const removal = `DELETE FROM manifests WHERE repository_id = ${repositoryOf} AND digest = ?`;
      return this.#run(removal, repository, digest) > 0;
    });
  }

  removeTag(repository: string, tag: string): boolean {
    return this.#transact(() => {
      const version = versionOfTag(tag);
      if (this.publishedDigest(repository, version) !== undefined) throw versionInUse(repository, version);
      return this.#run(`DELETE FROM tags WHERE repository_id = ${repositoryOf} AND name = ?`, repository, tag) > 0;
    });
  }

  hasRepository(repository: string): boolean {
    return this.#get("SELECT 1 FROM repositories WHERE name = ?", repository) !== undefined;
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

  search(query: string, limit: number, offset: number): ReturnType<Metadata["search"]> {
    return this.#packages.search(query, limit, offset);
  }

  package(name: string): ReturnType<Metadata["package"]> {
    return this.#packages.package(name);
  }

  close(): void {
    this.#database.close();
  }

  #storeManifest(manifest: NewManifest): void {
    const { repository, digest, mediaType, artifactType, subject, bytes, tags, contents } = manifest;
    // Looked at again where nothing can be deleted meanwhile.
    const missing = this.missing(repository, contents);
    if (missing.length > 0) throw incompleteManifest(repository, digest, missing);
    for (const tag of tags) this.#refuseMove(repository, tag, digest);
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

  #anyBlobSize(digest: Digest): number | undefined {
    const sql =
      "SELECT size_bytes FROM blobs b WHERE digest = ? AND EXISTS (SELECT 1 FROM repository_blobs WHERE digest = b.digest)";
    return this.#get<{ size_bytes: number }>(sql, digest)?.size_bytes;
  }

  #repositoryId(name: string): number {
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
