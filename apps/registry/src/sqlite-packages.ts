import type { Database, SQLQueryBindings } from "bun:sqlite";
import type { Digest } from "@cpm/base";
import { compareVersions, readVersion } from "@cpm/model";
import type { Version } from "@cpm/model";
import type { Visibility } from "./access/rights.ts";
import { versionExists } from "./errors.ts";
import type { Metadata, PackageRow, VerifiedPackage, VersionRow } from "./metadata.ts";
import { visibleRows } from "./visible-namespaces.ts";

interface PackageTableRow {
  readonly id: number;
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly keywords: string;
  readonly readme: string | null;
  readonly updated_at: number;
}

/** The package index: which versions exist, and what is found by which words. Its writes need a transaction around them. */
export class SqlitePackages {
  readonly #database: Database;
  readonly #now: () => number;

  constructor(database: Database, now: () => number) {
    this.#database = database;
    this.#now = now;
  }

  publishedDigest(name: string, version: string): Digest | undefined {
    const sql =
      "SELECT v.digest FROM versions v JOIN packages p ON p.id = v.package_id WHERE p.name = ? AND v.version = ?";
    return this.#database.query<{ digest: Digest }, [string, string]>(sql).get(name, version)?.digest;
  }

  /** Throws `registry-server/version-exists` for other bytes than the version has. */
  publish(verified: VerifiedPackage, digest: Digest): void {
    const { name, version, sizeBytes, manifest } = verified;
    const present = this.publishedDigest(name, version);
    if (present !== undefined && present !== digest) throw versionExists(name, version, present, digest);
    if (present !== undefined) return;
    const id = this.#storePackage(verified);
    this.#run(
      "INSERT INTO versions (package_id, version, digest, size_bytes, manifest, published_at) VALUES (?, ?, ?, ?, ?, ?)",
      id,
      version,
      digest,
      sizeBytes,
      manifest,
      this.#now(),
    );
  }

  search(query: string, visible: Visibility, limit: number, offset: number): ReturnType<Metadata["search"]> {
    const text = query.trim().toLowerCase();
    const [shown, values] = visibleRows("p", visible);
    if (text === "") return this.#list(shown, values, limit, offset);
    const match = toMatch(text);
    if (match === "") return { total: 0, results: [] };
    const total = this.#get<{ total: number }>(
      `SELECT count(*) AS total FROM package_search s JOIN packages p ON p.id = s.rowid
       WHERE package_search MATCH ? AND ${shown}`,
      match,
      ...values,
    );
    const rows = this.#all<PackageTableRow>(
      `SELECT p.* FROM package_search s JOIN packages p ON p.id = s.rowid WHERE package_search MATCH ? AND ${shown}
       ORDER BY p.name = ? DESC, substr(p.name, instr(p.name, '/') + 1) = ? DESC,
         bm25(package_search, 8.0, 3.0, 4.0, 1.0), p.name LIMIT ? OFFSET ?`,
      match,
      ...values,
      text,
      text,
      limit,
      offset,
    );
    return { total: total?.total ?? 0, results: rows.map(toPackage) };
  }

  namespacePackages(
    namespace: string,
    visible: Visibility,
    limit: number,
    offset: number,
  ): ReturnType<Metadata["namespacePackages"]> {
    const [shown, values] = visibleRows("p", visible);
    return this.#list(`p.namespace = ? AND ${shown}`, [namespace, ...values], limit, offset);
  }

  package(name: string): ReturnType<Metadata["package"]> {
    const row = this.#get<PackageTableRow>("SELECT * FROM packages WHERE name = ?", name);
    if (row === undefined) return undefined;
    const versions = this.#all<{
      version: string;
      digest: Digest;
      size_bytes: number;
      published_at: number;
      manifest: string;
    }>("SELECT version, digest, size_bytes, published_at, manifest FROM versions WHERE package_id = ?", row.id)
      .map((entry): VersionRow => ({
        version: entry.version,
        digest: entry.digest,
        sizeBytes: entry.size_bytes,
        publishedAt: entry.published_at,
        manifest: entry.manifest,
      }))
      .sort((left, right) => compareVersions(versionOf(right.version), versionOf(left.version)));
    return { ...toPackage(row), ...(row.readme === null ? {} : { readme: row.readme }), versions };
  }

  #list(shown: string, values: SQLQueryBindings[], limit: number, offset: number): ReturnType<Metadata["search"]> {
    const from = `FROM packages p WHERE ${shown}`;
    const total = this.#get<{ total: number }>(`SELECT count(*) AS total ${from}`, ...values);
    const sql = `SELECT p.* ${from} ORDER BY p.name LIMIT ? OFFSET ?`;
    const rows = this.#all<PackageTableRow>(sql, ...values, limit, offset);
    return { total: total?.total ?? 0, results: rows.map(toPackage) };
  }

  /** A patch of an old line changes the date, not what the package is described by. */
  #storePackage(verified: VerifiedPackage): number {
    const { name, version, description, keywords, readme = null } = verified;
    const words = keywords.join(" ");
    const before = this.#get<PackageTableRow>("SELECT * FROM packages WHERE name = ?", name);
    if (before !== undefined && !isNewer(versionOf(version), versionOf(before.version))) {
      this.#run("UPDATE packages SET updated_at = ? WHERE id = ?", this.#now(), before.id);
      return before.id;
    }
    this.#run(
      `INSERT INTO packages (name, version, description, keywords, readme, updated_at) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (name) DO UPDATE SET version = excluded.version, description = excluded.description,
         keywords = excluded.keywords, readme = excluded.readme, updated_at = excluded.updated_at`,
      name,
      version,
      description,
      words,
      readme,
      this.#now(),
    );
    const id = this.#get<{ id: number }>("SELECT id FROM packages WHERE name = ?", name)?.id;
    if (id === undefined) throw new TypeError("a package that was just written is there");
    this.#run("DELETE FROM package_search WHERE rowid = ?", id);
    this.#run(
      "INSERT INTO package_search (rowid, name, description, keywords, readme) VALUES (?, ?, ?, ?, ?)",
      id,
      name,
      description,
      words,
      readme ?? "",
    );
    return id;
  }

  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller knows what its query selects
  #get<Row>(sql: string, ...values: SQLQueryBindings[]): Row | undefined {
    return this.#database.query<Row, SQLQueryBindings[]>(sql).get(...values) ?? undefined;
  }

  #all<Row>(sql: string, ...values: SQLQueryBindings[]): Row[] {
    return this.#database.query<Row, SQLQueryBindings[]>(sql).all(...values);
  }

  #run(sql: string, ...values: SQLQueryBindings[]): void {
    this.#database.query(sql).run(...values);
  }
}

function isNewer(left: Version, right: Version): boolean {
  const [stable, wasStable] = [left.prerelease.length === 0, right.prerelease.length === 0];
  return stable === wasStable ? compareVersions(left, right) >= 0 : stable;
}

/** What the database holds was a version when it was published. */
function versionOf(text: string): Version {
  const version = readVersion(text);
  if (version === undefined) throw new TypeError(`"${text}" was stored as a version`);
  return version;
}

function toPackage(row: PackageTableRow): PackageRow {
  const { name, version, description } = row;
  const keywords = row.keywords === "" ? [] : row.keywords.split(" ");
  return { name, version, description, keywords, updatedAt: row.updated_at };
}

const maxQueryLength = 200;
const maxWords = 10;

/** Every word as a quoted prefix, in its plain form too: nothing that a person types is FTS5's own syntax. */
function toMatch(query: string): string {
  const words = query.slice(0, maxQueryLength).match(/[\p{L}\p{N}]+/gu) ?? [];
  return words
    .slice(0, maxWords)
    .map((word) => [...new Set([word, stemOf(word)])].map((form) => `"${form}"*`).join(" OR "))
    .map((forms) => `(${forms})`)
    .join(" AND ");
}

/** `counting`, `counted` and `counts` find `count`. No more than that: a prefix finds the rest. */
function stemOf(word: string): string {
  const stem = word.replace(/(?:ing|ed|es|s)$/, "");
  return stem.length >= 4 ? stem : word;
}
