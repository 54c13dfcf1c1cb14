import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { isDigest } from "@cpm/base";
import { fileError, systemCode } from "@cpm/store";
import type { ObjectName, StoredObject } from "./object-storage.ts";

const pageSize = 1000;

/**
 * Objects of `blobs/<algorithm>/<hex>`, a page at a time, in byte order. The names of all are in memory meanwhile; the
 * folders are read by another thread.
 */
export async function* objectPages(root: string): AsyncGenerator<readonly StoredObject[]> {
  // The runtime's own order, several times as fast as any that is given: of these names it is that of their bytes.
  for (const algorithm of (await entriesOf(join(root, "blobs"))).toSorted()) {
    const names = (await entriesOf(join(root, "blobs", algorithm))).toSorted();
    for (let at = 0; at < names.length; at += pageSize) {
      const page = names.slice(at, at + pageSize).filter((hex) => isDigest(`${algorithm}:${hex}`));
      const found = await Promise.all(page.map((hex) => statObject(root, `blobs/${algorithm}/${hex}`)));
      yield found.filter((object) => object !== undefined);
    }
  }
}

/** None where there is no such folder. */
async function entriesOf(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return [];
    throw fileError(error, "list", folder);
  }
}

/** Undefined for one that went meanwhile. */
async function statObject(root: string, object: ObjectName): Promise<StoredObject | undefined> {
  try {
    const { size: sizeBytes, mtimeMs: modifiedAtMs } = await stat(join(root, object));
    return { object, sizeBytes, modifiedAtMs };
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw fileError(error, "read", object);
  }
}
