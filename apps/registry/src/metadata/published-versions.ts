import type { Digest } from "@cpm/base";
import type { Reader } from "../database/database.ts";
import { sql } from "../database/sql.ts";

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
