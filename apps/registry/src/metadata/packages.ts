import type { Digest } from "@cpm/base";
import { compareVersions, readVersion } from "@cpm/model";
import type { Version } from "@cpm/model";
import type { Reader, Transaction } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import { versionExists } from "../errors.ts";
import type { DeprecationNotice, PackageDetail, VerifiedPackage, VersionRow } from "../metadata.ts";
import { lookOf, stemOf } from "../names/resemblance.ts";
import { deprecationsOf, everyVersion } from "./deprecations.ts";
import { verifiedPackage } from "./manifests.ts";
import { storeFacets } from "./package-facets.ts";
import { toPackage } from "./package-list.ts";
import type { PackageTableRow } from "./package-list.ts";
import type { PackageSearch } from "./package-search.ts";
import { publishedDigest } from "./published-versions.ts";
import { yankedIn } from "./yanks.ts";

interface VersionTableRow {
  readonly version: string;
  readonly digest: Digest;
  readonly size_bytes: number;
  readonly published_at: number;
  readonly manifest: string;
  readonly downloads: number;
  /** Null where it is not yanked. */
  readonly reason: string | null;
  readonly said_by: string | null;
  readonly at: number | null;
}

/** The id that the other tables know a package by. */
export async function packageId(reader: Reader, name: string): Promise<number | undefined> {
  return (await reader.get<{ id: number }>(sql`SELECT id FROM packages WHERE name = ${name}`))?.id;
}

/**
 * True when it was not there. Its manifest is there already. Throws `registry-server/version-exists` for other bytes than
 * the version has.
 */
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
  const id = await ensurePackage(transaction, name, now);
  await transaction.run(sql`
    INSERT INTO versions (package_id, version, digest, size_bytes, manifest, published_at)
    VALUES (${id}, ${version}, ${digest}, ${sizeBytes}, ${manifest}, ${now})`);
  await describePackage(transaction, search, name);
  return true;
}

/**
 * Lets a package be described by its newest version, after one was published or marked: of those that are not yanked, or
 * of all where every one is. Does nothing for a package without versions.
 */
export async function describePackage(transaction: Transaction, search: PackageSearch, name: string): Promise<void> {
  const versions = await transaction.all<Pick<VersionTableRow, "version" | "digest" | "reason">>(sql`
    SELECT v.version, v.digest, y.reason FROM versions v JOIN packages p ON p.id = v.package_id
    LEFT JOIN ${yankedIn(name)} y ON y.subject = v.digest WHERE p.name = ${name} ORDER BY v.published_at, v.version`);
  const usable = versions.filter(({ reason }) => reason === null);
  const newest = newestOf(usable.length > 0 ? usable : versions);
  const verified = newest === undefined ? undefined : await verifiedPackage(transaction, name, newest.digest);
  if (verified === undefined) return;
  const { version, description, keywords, readme } = verified;
  const words = keywords.join(" ");
  const changed = await transaction.get<{ id: number }>(sql`
    UPDATE packages SET version = ${version}, description = ${description}, keywords = ${words},
      readme = ${readme ?? null}
    WHERE name = ${name} AND version <> ${version} RETURNING id`);
  if (changed === undefined) return;
  await storeFacets(transaction, changed.id, verified);
  await search.index(transaction, changed.id, { name, description, keywords: words, readme: readme ?? "" });
}

export async function packageDetail(reader: Reader, name: string): Promise<PackageDetail | undefined> {
  const row = await reader.get<PackageTableRow>(sql`SELECT * FROM packages WHERE name = ${name}`);
  if (row === undefined) return undefined;
  const rows = await reader.all<VersionTableRow>(sql`
    SELECT v.version, v.digest, v.size_bytes, v.published_at, v.manifest, v.downloads, y.reason, y.said_by, y.at
    FROM versions v LEFT JOIN ${yankedIn(name)} y ON y.subject = v.digest WHERE v.package_id = ${row.id}`);
  const deprecations = await deprecationsOf(reader, row.id);
  const deprecated = deprecations.get(everyVersion);
  const versions = rows
    .map((entry) => toVersion(entry, deprecations.get(entry.version) ?? deprecated))
    .sort((left, right) => compareVersions(versionOf(right.version), versionOf(left.version)));
  return {
    ...toPackage(row),
    ...(row.readme === null ? {} : { readme: row.readme }),
    ...(deprecated === undefined ? {} : { deprecated }),
    versions,
  };
}

/** What it is described by comes with its first version. What is imported may have been published before what is here. */
async function ensurePackage(transaction: Transaction, name: string, publishedAtMs: number): Promise<number> {
  const stored = await transaction.get<{ id: number }>(sql`
    INSERT INTO packages (name, version, description, keywords, readme, updated_at, look, stem)
    VALUES (${name}, '', '', '', NULL, ${publishedAtMs}, ${lookOf(name)}, ${stemOf(name)})
    ON CONFLICT (name) DO UPDATE SET updated_at = CASE
      WHEN excluded.updated_at > packages.updated_at THEN excluded.updated_at ELSE packages.updated_at END
    RETURNING id`);
  if (stored === undefined) throw new TypeError("what was written has an id");
  return stored.id;
}

/** Of those that are one version to semver, the last. */
function newestOf<V extends { readonly version: string }>(versions: readonly V[]): V | undefined {
  let newest: V | undefined;
  for (const entry of versions)
    if (newest === undefined || isNewer(versionOf(entry.version), versionOf(newest.version))) newest = entry;
  return newest;
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

function toVersion(row: VersionTableRow, deprecated: DeprecationNotice | undefined): VersionRow {
  const { version, digest, size_bytes: sizeBytes, published_at: publishedAt, manifest, downloads } = row;
  const { reason, said_by: by, at } = row;
  return {
    version,
    digest,
    sizeBytes,
    publishedAt,
    manifest,
    downloads,
    ...(reason === null || by === null || at === null ? {} : { yanked: { reason, by, at } }),
    ...(deprecated === undefined ? {} : { deprecated }),
  };
}
