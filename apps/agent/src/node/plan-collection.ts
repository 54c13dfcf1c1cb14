import type { Digest } from "@cpm/base";
import type { DiskUse } from "./disk-use.ts";
import type { InstalledRef } from "./installed-packages.ts";

/** A tree of this node, and what says whether it may go. */
export interface CollectableTree {
  readonly tree: Digest;
  /** Versions that point to it; none: nothing does. */
  readonly refs: readonly InstalledRef[];
  readonly lastUsedAtMs: number;
  readonly pinned: boolean;
}

export interface CollectionGoal {
  /** Versions that were not used since then go. Undefined: none goes for its age. */
  readonly unusedSinceMs: number | undefined;
  /** So many bytes are to become free, at the cost of whatever was used the longest ago. Undefined: no more than is due. */
  readonly freeBytes: number | undefined;
}

export interface CollectionPlan {
  /** In this order, each as far as nobody holds it and there is not enough free yet. */
  readonly trees: readonly CollectableTree[];
  /** Trees that would have gone and are pinned. */
  readonly keptPinned: number;
}

/** What goes first: trees that no version points to, then versions by their last use, the longest ago first. */
export function planCollection(
  trees: readonly CollectableTree[],
  { unusedSinceMs, freeBytes }: CollectionGoal,
): CollectionPlan {
  const isDue = ({ refs, lastUsedAtMs }: CollectableTree): boolean =>
    refs.length === 0 || freeBytes !== undefined || (unusedSinceMs !== undefined && lastUsedAtMs < unusedSinceMs);
  const due = trees.filter(isDue);
  const free = due.filter(({ pinned }) => !pinned);
  const rank = ({ refs }: CollectableTree): number => (refs.length === 0 ? 0 : 1);
  return {
    trees: free.toSorted((left, right) => rank(left) - rank(right) || left.lastUsedAtMs - right.lastUsedAtMs),
    keptPinned: due.length - free.length,
  };
}

/** Shares of a file system from 0 to 1, the low one below the high one. */
export interface WaterMarks {
  readonly high: number;
  readonly low: number;
}

/** How much has to go for a disk that is fuller than the high mark to be below the low one; 0 where it is not. */
export function excessBytes({ usedBytes, availableBytes }: DiskUse, { high, low }: WaterMarks): number {
  const totalBytes = usedBytes + availableBytes;
  return usedBytes <= high * totalBytes ? 0 : Math.ceil(usedBytes - low * totalBytes);
}
