import type { Digest } from "@cpm/base";
import { compareVersions, readVersion } from "@cpm/model";
import type { Version } from "@cpm/model";
import type { Reader, Transaction } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import { versionExists } from "../errors.ts";
import type { PackageDetail, VerifiedPackage, VersionRow } from "../metadata.ts";
import { storeFacets } from "./package-facets.ts";
import { toPackage } from "./package-list.ts";
import type { PackageTableRow } from "./package-list.ts";
import type { PackageSearch } from "./package-search.ts";

interface VersionTableRow {
  readonly version: string;
  readonly digest: Digest;
  readonly size_bytes: number;
  readonly published_at: number;
  readonly manifest: string;
  readonly downloads: number;
}

/** The digest of a published version. */
export async function publishedDigest(reader: Reader, name: string, version: string): Promise<Digest | undefined> {
  const row = await reader.get<{ digest: Digest }>(sql`
    SELECT v.digest FROM versions v JOIN packages p ON p.id = v.package_id
    WHERE p.name = ${name} AND v.version = ${version}`);
  return row?.digest;
}

/** Published versions of a package, of those that are named, with their digests. */
export async function publishedAmong(
  reader: Reader,
  name: string,
  versions: readonly string[],
): Promise<readonly { readonly version: string; readonly digest: Digest }[]> {
  if (versions.length === 0) return [];
  return reader.all(sql`
    SELECT v.version, v.digest FROM versions v JOIN packages p ON p.id = v.package_id
    WHERE p.name = ${name} AND v.version IN ${versions}`);
}

/** The version that a manifest is, if it is published. */
export async function publishedVersion(reader: Reader, name: string, digest: Digest): Promise<string | undefined> {
  const row = await reader.get<{ version: string }>(sql`
    SELECT v.version FROM versions v JOIN packages p ON p.id = v.package_id
    WHERE p.name = ${name} AND v.digest = ${digest} LIMIT 1`);
  return row?.version;
}

/** True when it was not there. Throws `registry-server/version-exists` for other bytes than the version has. */
export async function publishVersion(
  transaction: Transaction,
  search: PackageSearch,
  verified: VerifiedPackage,
  digest: Digest,
  now: number,
): Promise<boolean> {
  const { name, version, sizeBytes, manifest } = verified;
  const present = await publishedDigest(transaction, name, version);
  if (present !== undefined && present !== digest) throw versionExists(name, version, present, digest);
  if (present !== undefined) return false;
  const id = await storePackage(transaction, search, verified, now);
  await transaction.run(sql`
    INSERT INTO versions (package_id, version, digest, size_bytes, manifest, published_at)
    VALUES (${id}, ${version}, ${digest}, ${sizeBytes}, ${manifest}, ${now})`);
  return true;
}

export async function packageDetail(reader: Reader, name: string): Promise<PackageDetail | undefined> {
  const row = await reader.get<PackageTableRow>(sql`SELECT * FROM packages WHERE name = ${name}`);
  if (row === undefined) return undefined;
  const rows = await reader.all<VersionTableRow>(sql`
    SELECT version, digest, size_bytes, published_at, manifest, downloads FROM versions WHERE package_id = ${row.id}`);
  const versions = rows
    .map(toVersion)
    .sort((left, right) => compareVersions(versionOf(right.version), versionOf(left.version)));
  return { ...toPackage(row), ...(row.readme === null ? {} : { readme: row.readme }), versions };
}

/** A patch of an old line changes the date, not what the package is described by. */
async function storePackage(
  transaction: Transaction,
  search: PackageSearch,
  verified: VerifiedPackage,
  publishedAtMs: number,
): Promise<number> {
  const { name, version, description, keywords, readme } = verified;
  const words = keywords.join(" ");
  const before = await transaction.get<PackageTableRow>(sql`SELECT * FROM packages WHERE name = ${name}`);
  // What is imported may have been published before what is here.
  const updatedAt = Math.max(publishedAtMs, before?.updated_at ?? 0);
  if (before !== undefined && !isNewer(versionOf(version), versionOf(before.version))) {
    await transaction.run(sql`UPDATE packages SET updated_at = ${updatedAt} WHERE id = ${before.id}`);
    return before.id;
  }
  const stored = await transaction.get<{ id: number }>(sql`
    INSERT INTO packages (name, version, description, keywords, readme, updated_at)
    VALUES (${name}, ${version}, ${description}, ${words}, ${readme ?? null}, ${updatedAt})
    ON CONFLICT (name) DO UPDATE SET version = excluded.version, description = excluded.description,
      keywords = excluded.keywords, readme = excluded.readme, updated_at = excluded.updated_at
    RETURNING id`);
  if (stored === undefined) throw new TypeError("what was written has an id");
  await storeFacets(transaction, stored.id, verified);
  await search.index(transaction, stored.id, { name, description, keywords: words, readme: readme ?? "" });
  return stored.id;
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

function toVersion(row: VersionTableRow): VersionRow {
  const { version, digest, size_bytes: sizeBytes, published_at: publishedAt, manifest, downloads } = row;
  return { version, digest, sizeBytes, publishedAt, manifest, downloads };
}
