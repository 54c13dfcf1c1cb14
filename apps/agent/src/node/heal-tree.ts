import { existsSync, renameSync } from "node:fs";
import { join } from "node:path";
import type { Digest } from "@cpm/base";
import { digestHex } from "@cpm/base";
import { exchangePaths, tryExclusiveLock } from "@cpm/system";
import { agentError } from "../errors.ts";
import { removeTree } from "./collect-trees.ts";
import type { CollectParts } from "./collect-trees.ts";
import type { PackageEnsurer } from "./ensure-package.ts";
import type { InstalledPackages, InstalledRef } from "./installed-packages.ts";
import type { PackageRequest } from "./package-request.ts";

export interface HealParts {
  readonly collection: CollectParts;
  readonly ensurer: PackageEnsurer;
}

/** `gone`: no version pointed to it, so it was removed. */
export type Healing = "healed" | "gone";

/**
 * Makes a damaged tree anew from the package that it came from, and puts it in the place of the damaged one in one step,
 * so the package is there throughout. One that no version points to is removed. Throws `agent/held` while somebody uses
 * the tree, and what fetching throws: then the damaged tree is as it was.
 */
export async function healTree(parts: HealParts, tree: Digest, signal: AbortSignal): Promise<Healing> {
  const { packages } = parts.collection;
  const refs = packages.list().filter((ref) => ref.tree === tree);
  if (refs.length === 0) return removeDamaged(parts.collection, tree);
  // A tree that is held now is not worth a download; whether it is held then decides.
  exclusively(parts.collection, tree, () => {});
  await parts.ensurer.replace(sourceOf(refs, packages), tree, swapIn(parts.collection, tree), signal);
  return "healed";
}

/** By its manifest where that is known; what another program placed, by its name and version. */
function sourceOf(refs: readonly InstalledRef[], packages: InstalledPackages): PackageRequest {
  const described = refs.map((ref) => packages.describe(ref));
  const known = described.find(({ manifest }) => manifest !== undefined) ?? described[0];
  if (known === undefined) throw new TypeError("a tree that is healed has a version");
  const { name, version, manifest } = known;
  if (manifest === undefined) return { name, selector: { kind: "version", version } };
  return { name, selector: { kind: "manifest", digest: manifest } };
}

async function removeDamaged(collection: CollectParts, tree: Digest): Promise<Healing> {
  if (!existsSync(collection.node.treeFolder(tree))) return "gone";
  const fate = await removeTree(collection, tree, { youngMs: 0, dryRun: false, refs: [] });
  if (fate !== "removed") throw held(tree, fate);
  return "gone";
}

function swapIn(collection: CollectParts, tree: Digest) {
  return (staging: string, folder: string): void =>
    exclusively(collection, tree, () => {
      if (exchangePaths(staging, folder)) return;
      // Where two names cannot change places, a crash between these two leaves a version without a tree, as removing does.
      const old = `${staging}.old`;
      renameSync(folder, old);
      renameSync(staging, folder);
      renameSync(old, staging);
    });
}

/** Does something while nobody uses the tree and nobody can begin to. Throws `agent/held`. */
function exclusively({ node, leases }: CollectParts, tree: Digest, act: () => void): void {
  if (leases.holdersOf(tree) > 0) throw held(tree, "leased");
  const lock = tryExclusiveLock(join(node.root, "locks", digestHex(tree)));
  if (lock === undefined) throw held(tree, "locked");
  try {
    act();
  } finally {
    lock.release();
  }
}

function held(tree: Digest, how: string) {
  return agentError("agent/held", `the tree ${tree} is ${how}`);
}
