import { readdirSync, renameSync, statSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Digest } from "@cpm/base";
import { createDigest, digestHex } from "@cpm/base";
import { makeDirectory, syncDirectory } from "@cpm/store";
import type { NodeStore } from "@cpm/store";
import { tryExclusiveLock } from "@cpm/system";
import type { InstalledPackages } from "./installed-packages.ts";
import type { LeaseBook } from "./lease-book.ts";

export interface CollectRequest {
  /** Stop once so much is free again. Undefined: everything that may go. */
  readonly freeBytes?: number | undefined;
  readonly dryRun: boolean;
}

export interface CollectResult {
  readonly freedBytes: number;
  readonly removedTrees: number;
  readonly keptLeased: number;
  readonly keptLocked: number;
  readonly keptYoung: number;
}

export interface CollectParts {
  readonly node: NodeStore;
  readonly packages: InstalledPackages;
  readonly leases: LeaseBook;
  /** Trees that somebody is about to hold. */
  readonly isWanted: (tree: Digest) => boolean;
  readonly now: () => number;
}

/** A tree that nobody refers to yet may be about to get its ref. */
const youngMs = 2 * 60_000;

type Fate = "removed" | "leased" | "locked" | "young";

/**
 * Removes trees that no ref points to and nobody holds. A tree is taken out of sight under its exclusive lock in one
 * step, and emptied afterwards.
 */
export async function collectTrees(parts: CollectParts, { freeBytes, dryRun }: CollectRequest): Promise<CollectResult> {
  parts.leases.dropExpired();
  const referred = new Set(parts.packages.list().map(({ tree }) => tree));
  const counts: Record<Fate, number> = { removed: 0, leased: 0, locked: 0, young: 0 };
  let freedBytes = 0;
  for (const tree of treesOf(parts.node)) {
    if (referred.has(tree)) continue;
    if (freeBytes !== undefined && freedBytes >= freeBytes) break;
    const sizeBytes = parts.packages.sizeOf(tree);
    const fate = await removeTree(parts, tree, { youngMs, dryRun });
    counts[fate]++;
    if (fate === "removed") freedBytes += sizeBytes;
  }
  const { removed, leased, locked, young } = counts;
  return { freedBytes, removedTrees: removed, keptLeased: leased, keptLocked: locked, keptYoung: young };
}

/** Removes one tree, unless somebody holds it or it is younger than that. The caller knows that no ref points to it. */
export async function removeTree(
  { node, leases, isWanted, now }: CollectParts,
  tree: Digest,
  { youngMs: least, dryRun }: { readonly youngMs: number; readonly dryRun: boolean },
): Promise<Fate> {
  const folder = join(node.treePath(tree), "..");
  if (isWanted(tree) || now() - statSync(folder).mtimeMs < least) return "young";
  if (leases.holdersOf(tree) > 0) return "leased";
  const lockPath = join(node.root, "locks", digestHex(tree));
  const lock = tryExclusiveLock(lockPath);
  if (lock === undefined) return "locked";
  try {
    if (dryRun) return "removed";
    const trash = join(node.root, "trash", crypto.randomUUID());
    makeDirectory(join(trash, ".."));
    renameSync(folder, trash);
    syncDirectory(join(folder, ".."));
    await emptyTrash(trash);
    return "removed";
  } finally {
    lock.release();
  }
}

/** What an earlier process had taken out of sight and did not remove to its end. */
export async function emptyLeftTrash(root: string): Promise<void> {
  const folder = join(root, "trash");
  makeDirectory(folder);
  for (const name of readdirSync(folder)) await emptyTrash(join(folder, name));
}

/** Directories of trees may not be written, not even by their owner. */
async function emptyTrash(path: string): Promise<void> {
  await Bun.spawn(["chmod", "-R", "u+w", path], { stdio: ["ignore", "ignore", "ignore"] }).exited;
  await rm(path, { recursive: true, force: true });
}

function treesOf({ root }: NodeStore): readonly Digest[] {
  const folder = join(root, "trees/sha256");
  makeDirectory(folder);
  return readdirSync(folder)
    .filter((name) => /^[0-9a-f]{64}$/.test(name))
    .map((hex) => createDigest("sha256", hex));
}
