import { isDigest } from "@cpm/base";
import type { Digest } from "@cpm/base";
import type { Reader, Transaction } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import type { ObjectStorage, StoredObject } from "../objects/object-storage.ts";

/** Of objects on a page of the listing, those that no blob has, no upload is at, and nobody has changed since. */
export async function findOrphans(
  reader: Reader,
  storage: ObjectStorage,
  page: readonly StoredObject[],
  unchangedSinceMs: number,
): Promise<readonly StoredObject[]> {
  const old = page.filter(({ modifiedAtMs }) => modifiedAtMs <= unchangedSinceMs);
  const names = old.map(({ object }) => object);
  const uploads = names.flatMap((object) => storage.uploadOf(object) ?? []);
  const digests = names.flatMap((object) => digestNamed(object, storage) ?? []);
  const rows = await reader.all<{ name: string }>(sql`
    SELECT object AS name FROM blobs WHERE object IN ${names}
    UNION ALL SELECT digest FROM blobs WHERE object IS NULL AND digest IN ${digests}
    UNION ALL SELECT object FROM object_removals WHERE object IN ${names}
    UNION ALL SELECT id FROM uploads WHERE id IN ${uploads}`);
  const known = new Set(rows.map(({ name }) => name));
  return old.filter(({ object }) =>
    [object, storage.uploadOf(object), digestNamed(object, storage)].every(
      (name) => name === undefined || !known.has(name),
    ),
  );
}

/** In the transaction in which they were found: an upload that is recorded later will see them named. */
export async function nameOrphans(
  transaction: Transaction,
  orphans: readonly StoredObject[],
  now: number,
): Promise<void> {
  for (const { object, sizeBytes } of orphans)
    await transaction.run(sql`
      INSERT INTO object_removals (object, size_bytes, remove_after) VALUES (${object}, ${sizeBytes}, ${now})`);
}

/** The digest of an object that is named after one. */
function digestNamed(object: string, storage: ObjectStorage): Digest | undefined {
  const digest = object.replace(/^blobs\//, "").replace("/", ":");
  return isDigest(digest) && storage.defaultObject(digest) === object ? digest : undefined;
}
