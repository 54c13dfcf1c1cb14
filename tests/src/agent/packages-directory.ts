import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import { createDigest, digestHex } from "@cpm/base";
import { digestOf, verifyTree } from "@cpm/store";

/**
 * What is wrong with a packages directory that no agent writes at this moment, by the files alone: refs that lead
 * nowhere, and trees or blobs that are not what their names say.
 */
export function faultsOfDirectory(root: string): readonly string[] {
  return [...faultsOfTrees(root), ...faultsOfRefs(root), ...faultsOfBlobs(root)];
}

/** Names in one of its directories, which may not have been made yet. */
export function entriesOf(root: string, ...folder: readonly string[]): readonly string[] {
  const path = join(root, ...folder);
  return existsSync(path) ? readdirSync(path).toSorted() : [];
}

/** The digests of the trees that are there, in hexadecimal digits. */
export function treesOf(root: string): readonly string[] {
  return entriesOf(root, "trees/sha256");
}

/** Versions by their whole names: `rise/tools/1.0.0`. */
export function refsOf(root: string): readonly string[] {
  return entriesOf(root, "refs").flatMap((namespace) =>
    entriesOf(root, "refs", namespace).flatMap((name) =>
      entriesOf(root, "refs", namespace, name).map((version) => `${namespace}/${name}/${version}`),
    ),
  );
}

/** Bytes of blobs that are under way, by their digest in hexadecimal digits. */
export function ingestedBytesOf(root: string, hex: string): number {
  return statSync(join(root, "ingest", `sha256-${hex}`), { throwIfNoEntry: false })?.size ?? 0;
}

function faultsOfTrees(root: string): readonly string[] {
  return treesOf(root).flatMap((hex) => {
    const folder = join(root, "trees/sha256", hex);
    const faults: string[] = existsSync(join(root, "locks", hex)) ? [] : [`tree ${hex} cannot be locked`];
    const onDamaged = (path: string): void => void faults.push(`${path} of tree ${hex} is not what its listing says`);
    verifyTree(folder, createDigest("sha256", hex), { onDamaged });
    return faults;
  });
}

function faultsOfRefs(root: string): readonly string[] {
  const trees = realpathSync(root);
  return refsOf(root).flatMap((ref) => {
    const path = join(root, "refs", ref);
    if (!existsSync(path)) return [`${ref} leads nowhere`];
    return realpathSync(path).startsWith(join(trees, "trees/sha256/")) ? [] : [`${ref} leads out of the trees`];
  });
}

function faultsOfBlobs(root: string): readonly string[] {
  return entriesOf(root, "blobs/sha256").flatMap((hex) => {
    const bytes = readFileSync(join(root, "blobs/sha256", hex));
    return digestHex(digestOf(bytes)) === hex ? [] : [`blob ${hex} has other content`];
  });
}
