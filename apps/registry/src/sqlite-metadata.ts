import { Database } from "bun:sqlite";
import type { Digest } from "@cpm/base";
import { parseManifestBytes, referrerDescriptor, selectReferrers } from "@cpm/oci";
import type { Descriptor } from "@cpm/oci";
import { registryError, versionExists } from "./errors.ts";
import type { Metadata, NewManifest, PackageRow, PublishedVersion, StoredManifest, VersionRow } from "./metadata.ts";
import initialMigration from "./migrations/0001-initial.sql" with { type: "text" };

/** Numbered, never changed once released; the database remembers how many were run. */
const migrations: readonly string[] = [initialMigration];

interface ManifestRow {
  readonly digest: Digest;
  readonly media_type: string;
  readonly bytes: Uint8Array;
}

/** Opens or makes the database. Throws `registry/layout-version` for one of a newer registry. */
export function openSqliteMetadata(path: string, now: () => number): SqliteMetadata {
  const database = new Database(path, { create: true, strict: true });
  database.run("PRAGMA journal_mode = WAL");
  // What was answered must survive a power cut.
  database.run("PRAGMA synchronous = FULL");
  database.run("PRAGMA foreign_keys = ON");
  database.run("PRAGMA busy_timeout = 10000");
  migrate(database);
  return new SqliteMetadata(database, now);
}

function migrate(database: Database): void {
  const done = database.query<{ user_version: number }, []>("PRAGMA user_version").get()?.user_version ?? 0;
  if (done > migrations.length) {
    throw registryError(
      "registry/layout-version",
      `the database has version ${done}; this registry knows ${migrations.length}`,
    );
  }
  database.transaction(() => {
    for (const migration of migrations.slice(done)) database.run(migration);
    database.run(`PRAGMA user_version = ${migrations.length}`);
  })();
}

/** Metadata in one SQLite file. */
export class SqliteMetadata implements Metadata {
  readonly #database: Database;
  readonly #now: () => number;
  readonly #putManifest: (manifest: NewManifest) => void;

  constructor(database: Database, now: () => number) {
    this.#database = database;
    this.#now = now;
    this.#putManifest = database.transaction((manifest: NewManifest) => this.#storeManifest(manifest));
  }

  addBlob(repository: string, digest: Digest, sizeBytes: number): void {
    this.#database.transaction(() => {
      const id = this.#repositoryId(repository);
      this.#run(
        "INSERT OR IGNORE INTO blobs (digest, size_bytes, created_at) VALUES (?, ?, ?)",
        digest,
        sizeBytes,
        this.#now(),
      );
      this.#run("INSERT OR IGNORE INTO repository_blobs (repository_id, digest) VALUES (?, ?)", id, digest);
    })();
  }

  blobSize(repository: string, digest: Digest): number | undefined {
    const row = this.#database
      .query<{ size_bytes: number }, [string, string]>(
        `SELECT b.size_bytes FROM repository_blobs rb JOIN repositories r ON r.id = rb.repository_id
         JOIN blobs b ON b.digest = rb.digest WHERE r.name = ? AND rb.digest = ?`,
      )
      .get(repository, digest);
    return row?.size_bytes;
  }

  mountBlob(from: string, to: string, digest: Digest): boolean {
    const sizeBytes = this.blobSize(from, digest);
    if (sizeBytes === undefined) return false;
    this.addBlob(to, digest, sizeBytes);
    return true;
  }

  unlinkBlob(repository: string, digest: Digest): boolean {
    return (
      this.#run(
        "DELETE FROM repository_blobs WHERE digest = ? AND repository_id = (SELECT id FROM repositories WHERE name = ?)",
        digest,
        repository,
      ) > 0
    );
  }

  createUpload(id: string, repository: string): void {
    this.#run("INSERT INTO uploads (id, repository, created_at) VALUES (?, ?, ?)", id, repository, this.#now());
  }

  hasUpload(id: string, repository: string): boolean {
    return this.#database.query("SELECT 1 FROM uploads WHERE id = ? AND repository = ?").get(id, repository) !== null;
  }

  removeUpload(id: string): void {
    this.#run("DELETE FROM uploads WHERE id = ?", id);
  }

  putManifest(manifest: NewManifest): void {
    this.#putManifest(manifest);
  }

  manifestByDigest(repository: string, digest: Digest): StoredManifest | undefined {
    const row = this.#database
      .query<ManifestRow, [string, string]>(
        "SELECT m.digest, m.media_type, m.bytes FROM manifests m JOIN repositories r ON r.id = m.repository_id WHERE r.name = ? AND m.digest = ?",
      )
      .get(repository, digest);
    return row === null ? undefined : toManifest(row);
  }

  manifestByTag(repository: string, tag: string): StoredManifest | undefined {
    const row = this.#database
      .query<ManifestRow, [string, string]>(
        `SELECT m.digest, m.media_type, m.bytes FROM tags t JOIN repositories r ON r.id = t.repository_id
         JOIN manifests m ON m.repository_id = t.repository_id AND m.digest = t.digest WHERE r.name = ? AND t.name = ?`,
      )
      .get(repository, tag);
    return row === null ? undefined : toManifest(row);
  }

  removeManifest(repository: string, digest: Digest): boolean {
    return this.#database.transaction(() => {
      const id = this.#findRepository(repository);
      if (id === undefined) return false;
      this.#run("DELETE FROM tags WHERE repository_id = ? AND digest = ?", id, digest);
      return this.#run("DELETE FROM manifests WHERE repository_id = ? AND digest = ?", id, digest) > 0;
    })();
  }

  removeTag(repository: string, tag: string): boolean {
    return (
      this.#run(
        "DELETE FROM tags WHERE name = ? AND repository_id = (SELECT id FROM repositories WHERE name = ?)",
        tag,
        repository,
      ) > 0
    );
  }

  hasRepository(repository: string): boolean {
    return this.#findRepository(repository) !== undefined;
  }

  tags(repository: string, last: string, limit: number): readonly string[] {
    // SQLite compares text by its UTF-8 bytes.
    return this.#database
      .query<{ name: string }, [string, string, number]>(
        "SELECT t.name FROM tags t JOIN repositories r ON r.id = t.repository_id WHERE r.name = ? AND t.name > ? ORDER BY t.name LIMIT ?",
      )
      .all(repository, last, limit)
      .map((row) => row.name);
  }

  referrers(repository: string, subject: Digest): readonly Descriptor[] {
    const rows = this.#database
      .query<ManifestRow, [string, string]>(
        "SELECT m.digest, m.media_type, m.bytes FROM manifests m JOIN repositories r ON r.id = m.repository_id WHERE r.name = ? AND m.subject = ?",
      )
      .all(repository, subject);
    return selectReferrers(
      rows.map((row) =>
        referrerDescriptor(parseManifestBytes(row.bytes, row.media_type), row.digest, row.bytes.length),
      ),
    );
  }

  publishedDigest(name: string, version: string): Digest | undefined {
    return (
      this.#database
        .query<{ digest: Digest }, [string, string]>(
          "SELECT v.digest FROM versions v JOIN packages p ON p.id = v.package_id WHERE p.name = ? AND v.version = ?",
        )
        .get(name, version)?.digest ?? undefined
    );
  }

  search(
    query: string,
    limit: number,
    offset: number,
  ): { readonly total: number; readonly results: readonly PackageRow[] } {
    const match = toMatch(query);
    const source = match === "" ? "packages p" : "package_search s JOIN packages p ON p.id = s.rowid";
    const where = match === "" ? "?1 = ?1" : "package_search MATCH ?1";
    const order = match === "" ? "p.name" : "p.name = ?2 DESC, bm25(package_search, 8.0, 3.0, 4.0, 1.0), p.name";
    const total =
      this.#database
        .query<{ total: number }, [string]>(`SELECT count(*) AS total FROM ${source} WHERE ${where}`)
        .get(match)?.total ?? 0;
    const select = `SELECT p.name, p.description, p.keywords, p.updated_at FROM ${source} WHERE ${where} AND ?2 = ?2 ORDER BY ${order} LIMIT ?3 OFFSET ?4`;
    const rows = this.#database
      .query<PackageTableRow, [string, string, number, number]>(select)
      .all(match, query.trim(), limit, offset);
    return { total, results: rows.map(toPackage) };
  }

  package(
    name: string,
  ): (PackageRow & { readonly readme?: string; readonly versions: readonly VersionRow[] }) | undefined {
    const row = this.#database
      .query<PackageTableRow & { id: number; readme: string | null }, [string]>(
        "SELECT id, name, description, keywords, readme, updated_at FROM packages WHERE name = ?",
      )
      .get(name);
    if (row === null) return undefined;
    const versions = this.#database
      .query<{ version: string; digest: Digest; size_bytes: number; published_at: number; manifest: string }, [number]>(
        "SELECT version, digest, size_bytes, published_at, manifest FROM versions WHERE package_id = ? ORDER BY published_at DESC, version DESC",
      )
      .all(row.id)
      .map((entry) => ({
        version: entry.version,
        digest: entry.digest,
        sizeBytes: entry.size_bytes,
        publishedAt: entry.published_at,
        manifest: entry.manifest,
      }));
    return { ...toPackage(row), ...(row.readme === null ? {} : { readme: row.readme }), versions };
  }

  close(): void {
    this.#database.close();
  }

  #storeManifest(manifest: NewManifest): void {
    const { repository, digest, mediaType, artifactType, subject, bytes, tags, published } = manifest;
    if (published !== undefined) this.#storeVersion(published, digest);
    const id = this.#repositoryId(repository);
    this.#run(
      "INSERT OR IGNORE INTO manifests (repository_id, digest, media_type, artifact_type, subject, bytes, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
      id,
      digest,
      mediaType,
      artifactType ?? null,
      subject ?? null,
      bytes,
      this.#now(),
    );
    for (const tag of tags) {
      this.#run(
        "INSERT INTO tags (repository_id, name, digest, updated_at) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET digest = excluded.digest, updated_at = excluded.updated_at",
        id,
        tag,
        digest,
        this.#now(),
      );
    }
  }

  #storeVersion(published: PublishedVersion, digest: Digest): void {
    const { name, version } = published;
    const present = this.publishedDigest(name, version);
    if (present !== undefined && present !== digest) throw versionExists(name, version, present);
    if (present !== undefined) return;
    const { description, keywords, readme, sizeBytes, manifest } = published;
    const words = keywords.join(" ");
    const now = this.#now();
    this.#run(
      `INSERT INTO packages (name, description, keywords, readme, updated_at) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (name) DO UPDATE SET description = excluded.description, keywords = excluded.keywords, readme = excluded.readme, updated_at = excluded.updated_at`,
      name,
      description,
      words,
      readme ?? null,
      now,
    );
    const id =
      this.#database.query<{ id: number }, [string]>("SELECT id FROM packages WHERE name = ?").get(name)?.id ?? 0;
    this.#run(
      "INSERT INTO versions (package_id, version, digest, size_bytes, manifest, published_at) VALUES (?, ?, ?, ?, ?, ?)",
      id,
      version,
      digest,
      sizeBytes,
      manifest,
      now,
    );
    this.#run("DELETE FROM package_search WHERE rowid = ?", id);
    this.#run(
      "INSERT INTO package_search (rowid, name, description, keywords, readme) VALUES (?, ?, ?, ?, ?)",
      id,
      name,
      description,
      words,
      readme ?? "",
    );
  }

  #repositoryId(name: string): number {
    this.#run("INSERT OR IGNORE INTO repositories (name) VALUES (?)", name);
    const id = this.#findRepository(name);
    if (id === undefined) throw new TypeError("a repository that was just written is there");
    return id;
  }

  #findRepository(name: string): number | undefined {
    return this.#database.query<{ id: number }, [string]>("SELECT id FROM repositories WHERE name = ?").get(name)?.id;
  }

  /** How many rows were changed. `query` keeps prepared statements. */
  #run(sql: string, ...values: (string | number | null | Uint8Array)[]): number {
    return this.#database.query(sql).run(...values).changes;
  }
}

interface PackageTableRow {
  readonly name: string;
  readonly description: string;
  readonly keywords: string;
  readonly updated_at: number;
}

function toPackage(row: PackageTableRow): PackageRow {
  const keywords = row.keywords === "" ? [] : row.keywords.split(" ");
  return { name: row.name, description: row.description, keywords, updatedAt: row.updated_at };
}

function toManifest(row: ManifestRow): StoredManifest {
  return { digest: row.digest, mediaType: row.media_type, bytes: row.bytes };
}

/** Every word as a quoted prefix: nothing that a person types is FTS5's own syntax. */
function toMatch(query: string): string {
  const words = query.slice(0, 200).match(/[\p{L}\p{N}]+/gu) ?? [];
  return words
    .slice(0, 10)
    .map((word) => `"${word}"*`)
    .join(" ");
}
