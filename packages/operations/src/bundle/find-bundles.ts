import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { isPartName, openFileAccess, openSplitFile, withFileErrors } from "@cpm/store";
import type { RandomAccess, SplitFile } from "@cpm/store";
import { operationError } from "../errors.ts";

/** A bundle on disk that was not looked into yet. */
export interface BundleFile {
  readonly access: RandomAccess;
  /** There when it is in parts. */
  readonly split?: SplitFile;
}

/** What whole bundles are called where a folder is searched for them. */
const bundleExtension = ".bundle";

/**
 * The bundles that a path stands for: a file, the whole of which it is a part, or all that are in a folder. Throws
 * `bundle/not-found` and what `openSplitFile` throws.
 */
export async function findBundles(path: string): Promise<readonly BundleFile[]> {
  const found = withFileErrors("read", path, () => statSync(path, { throwIfNoEntry: false }));
  if (found === undefined) throw operationError("bundle/not-found", `there is nothing at ${path}`);
  if (!found.isDirectory()) return [await openFile(path)];
  const names = withFileErrors("list", path, () => readdirSync(path)).sort();
  const files = names.filter((name) => name.endsWith(bundleExtension)).map((name) => join(path, name));
  const bundles = await Promise.all(files.map(openFile));
  for (const name of names.filter(isPartName)) {
    const known = bundles.some(({ split }) => split?.parts.some((part) => part.path === join(path, name)) === true);
    // oxlint-disable-next-line no-await-in-loop -- opening one part finds the others
    if (!known) bundles.push(await openFile(join(path, name)));
  }
  if (bundles.length === 0) throw operationError("bundle/not-found", `${path} holds no bundle`);
  return bundles;
}

async function openFile(path: string): Promise<BundleFile> {
  if (!isPartName(path)) return { access: openFileAccess(path) };
  const split = await openSplitFile(path);
  return { access: split.access, split };
}
