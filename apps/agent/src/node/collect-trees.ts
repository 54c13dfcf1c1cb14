import { readdirSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Digest } from "@cpm/base";
import { createDigest, digestHex } from "@cpm/base";
import { failpoint, makeDirectory, removeFile, removeTree as removeDirectory, syncDirectory } from "@cpm/store";
import type { NodeStore, SharedFiles } from "@cpm/store";
import { tryExclusiveLock } from "@cpm/system";
import type { EventLog } from "./event-log.ts";
import type { Installed, InstalledPackages, InstalledRef } from "./installed-packages.ts";
import type { LeaseBook } from "./lease-book.ts";
import { planCollection } from "./plan-collection.ts";
import type { CollectableTree } from "./plan-collection.ts";

export interface CollectRequest {
  /** Stop once so much is free again, and take also what is not due for its age. */
  readonly freeBytes?: number | undefined;
  readonly dryRun: boolean;
  /** Ends the collection before the next tree. */
  readonly signal?: AbortSignal | undefined;
}

export interface CollectResult {
  readonly freedBytes: number;
  readonly removedTrees: number;
  readonly removedBlobs: number;
  readonly keptLeased: number;
  readonly keptLocked: number;
  readonly keptPinned: number;
  readonly keptYoung: number;
}

export interface CollectParts {
  readonly node: NodeStore;
  readonly sharedFiles: SharedFiles;
  readonly packages: InstalledPackages;
  readonly leases: LeaseBook;
  readonly events: EventLog;
  /** Trees that somebody is about to hold. */
  readonly isWanted: (tree: Digest) => boolean;
  /** Whether packages are being put here, which may need any blob. */
  readonly isPlacing: () => boolean;
  /** Versions that were not used for so long may go. Undefined: only in need. */
  readonly keepUnusedMs: number | undefined;
  readonly now: () => number;
}

/** What nobody refers to yet may be about to get its ref. */
const youngMs = 2 * 60_000;

type Fate = "removed" | "leased" | "locked" | "young";

/**
 * Removes trees that no ref points to, versions and blobs that were not used for long, and in need, in this order, all
 * blobs and the versions that were used the longest ago; never what is leased, locked, pinned or wanted. A tree is taken
 * out of sight under its exclusive lock in one step, and emptied afterwards.
 */
export async function collectTrees(parts: CollectParts, request: CollectRequest): Promise<CollectResult> {
  const { packages, leases, keepUnusedMs } = parts;
  const { freeBytes, dryRun, signal } = request;
  leases.dropExpired();
  const unusedSinceMs = keepUnusedMs === undefined ? undefined : parts.now() - keepUnusedMs;
  const plan = planCollection(collectable(parts), { unusedSinceMs, freeBytes });
  const counts = { removed: 0, leased: 0, locked: 0, young: 0, pinned: plan.keptPinned };
  let freedBytes = 0;
  const isEnough = (bytes = 0): boolean =>
    signal?.aborted === true || (freeBytes !== undefined && freedBytes + bytes >= freeBytes);
  const removeTrees = async (trees: readonly CollectableTree[]): Promise<void> => {
    for (const { tree, refs } of trees) {
      if (isEnough()) return;
      const sizeBytes = packages.sizeOf(tree);
      const onGoing = async (folder: string): Promise<void> => {
        const elsewhereBytes = await parts.sharedFiles.bytesElsewhere(folder);
        // How much goes with it, a damaged listing does not say.
        if (elsewhereBytes !== undefined) freedBytes += sizeBytes - elsewhereBytes;
      };
      counts[await removeCollectable(parts, tree, { referred: refs.length > 0, dryRun, onGoing })]++;
    }
  };
  await removeTrees(plan.trees.filter(({ refs }) => refs.length === 0));
  const blobsUnusedSinceMs = freeBytes === undefined ? unusedSinceMs : parts.now();
  const blobs = collectBlobs(parts, { unusedSinceMs: blobsUnusedSinceMs, isEnough, dryRun });
  freedBytes += blobs.freedBytes;
  await removeTrees(plan.trees.filter(({ refs }) => refs.length > 0));
  if (counts.removed > 0 && !dryRun) await parts.sharedFiles.sweep();
  const { removed, leased, locked, young, pinned } = counts;
  return {
    freedBytes,
    removedTrees: removed,
    removedBlobs: blobs.count,
    keptLeased: leased,
    keptLocked: locked,
    keptPinned: pinned,
    keptYoung: young,
  };
}

/**
 * Removes a tree of the plan as it is by now: since the plan was made a version may have been pinned or pointed at it.
 * Nothing is waited for before the tree is out of sight.
 */
async function removeCollectable(
  parts: CollectParts,
  tree: Digest,
  { referred, ...options }: Omit<RemoveTreeOptions, "youngMs" | "refs"> & { readonly referred: boolean },
): Promise<Fate | "pinned"> {
  const { packages } = parts;
  const refs = packages.list().filter((ref) => ref.tree === tree);
  if (refs.some((ref) => isKept(packages.describe(ref)))) return "pinned";
  return refs.length > 0 && !referred ? "young" : removeTree(parts, tree, { ...options, youngMs, refs });
}

/** By an administrator of the node, or for a release. */
function isKept({ pinned, holders }: Installed): boolean {
  return pinned || holders.length > 0;
}

/** Every tree of the node with the versions that point to it. */
function collectable({ node, packages }: CollectParts): readonly CollectableTree[] {
  const installed = Map.groupBy(
    packages.list().map((ref) => packages.describe(ref)),
    ({ tree }) => tree,
  );
  return treesOf(node).map((tree) => {
    const refs = installed.get(tree) ?? [];
    return {
      tree,
      refs,
      lastUsedAtMs: Math.max(
        0,
        ...refs.map(({ lastUsedAtMs, installedAtMs }) => Math.max(lastUsedAtMs, installedAtMs)),
      ),
      pinned: refs.some(isKept),
    };
  });
}

interface BlobGoal {
  /** Those that were fetched before that may go. Undefined: none. */
  readonly unusedSinceMs: number | undefined;
  /** Whether it is enough with so many bytes of blobs. */
  readonly isEnough: (bytes: number) => boolean;
  readonly dryRun: boolean;
}

/** Nothing is waited for from the question whether packages are being placed to the last blob, so none begins to need one. */
function collectBlobs({ node, isPlacing }: CollectParts, { unusedSinceMs, isEnough, dryRun }: BlobGoal) {
  let [count, freedBytes] = [0, 0];
  if (unusedSinceMs === undefined || isPlacing()) return { count, freedBytes };
  const folder = join(node.root, "blobs/sha256");
  makeDirectory(folder);
  const blobs = readdirSync(folder)
    .map((name) => ({ path: join(folder, name), ...fileOf(join(folder, name)) }))
    .filter(({ mtimeMs }) => mtimeMs < unusedSinceMs)
    .toSorted((left, right) => left.mtimeMs - right.mtimeMs);
  for (const { path, size } of blobs) {
    if (isEnough(freedBytes)) break;
    if (!dryRun) removeFile(path);
    failpoint("collect/blob-removed");
    count++;
    freedBytes += size;
  }
  return { count, freedBytes };
}

function fileOf(path: string): { readonly mtimeMs: number; readonly size: number } {
  const { mtimeMs, size } = statSync(path);
  return { mtimeMs, size };
}

export interface RemoveTreeOptions {
  /** Younger ones are kept. */
  readonly youngMs: number;
  readonly dryRun: boolean;
  /** All the versions that point to it, which go with it. */
  readonly refs: readonly InstalledRef[];
  /** Called with the folder of a tree that goes, before it is emptied; of a dry run, before it would be. */
  readonly onGoing?: (folder: string) => Promise<void>;
}

/** Removes one tree and its refs, unless somebody holds it or it is younger than that. */
export async function removeTree(
  { node, packages, leases, events, isWanted, now }: CollectParts,
  tree: Digest,
  { youngMs: least, dryRun, refs, onGoing = async () => {} }: RemoveTreeOptions,
): Promise<Fate> {
  const folder = join(node.treePath(tree), "..");
  if (isWanted(tree) || now() - statSync(folder).mtimeMs < least) return "young";
  if (leases.holdersOf(tree) > 0) return "leased";
  const lockPath = join(node.root, "locks", digestHex(tree));
  const lock = tryExclusiveLock(lockPath);
  if (lock === undefined) return "locked";
  try {
    if (dryRun) {
      await onGoing(folder);
      return "removed";
    }
    for (const { name, version } of refs) {
      node.removeRef(name, version.text);
      failpoint("collect/ref-removed");
      packages.records.remove(name, version.text);
      events.add({ kind: "removed", name, version: version.text, tree });
    }
    const trash = join(node.root, "trash", crypto.randomUUID());
    makeDirectory(join(trash, ".."));
    renameSync(folder, trash);
    failpoint("collect/tree-hidden");
    syncDirectory(join(folder, ".."));
    try {
      await onGoing(trash);
    } finally {
      await removeDirectory(trash);
    }
    return "removed";
  } finally {
    lock.release();
  }
}

/** What an earlier process had taken out of sight and did not remove to its end. */
export async function emptyLeftTrash(root: string): Promise<void> {
  const folder = join(root, "trash");
  makeDirectory(folder);
  for (const name of readdirSync(folder)) await removeDirectory(join(folder, name));
}

function treesOf({ root }: NodeStore): readonly Digest[] {
  const folder = join(root, "trees/sha256");
  makeDirectory(folder);
  return readdirSync(folder)
    .filter((name) => /^[0-9a-f]{64}$/.test(name))
    .map((hex) => createDigest("sha256", hex));
}
