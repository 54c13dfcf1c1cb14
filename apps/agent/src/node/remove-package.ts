import type { PackageName, Version } from "@cpm/model";
import type { AgentNode } from "./agent-node.ts";
import { removeTree } from "./collect-trees.ts";

export interface Removal {
  /** Whether there was such a version. */
  readonly removed: boolean;
  /** Whether its tree went too: nothing else refers to it and nobody holds it. */
  readonly treeRemoved: boolean;
}

/** Takes a version away, and its tree when that is nobody's any more; else a collection takes it later. */
export async function removePackage(node: AgentNode, name: PackageName, { text }: Version): Promise<Removal> {
  const ref = node.packages.ref(name, text);
  const removed = node.store.removeRef(name, text);
  node.packages.records.remove(name, text);
  if (ref === undefined) return { removed, treeRemoved: false };
  node.events.add({ kind: "removed", name, version: text, tree: ref.tree });
  const shared = node.packages.list().some(({ tree }) => tree === ref.tree);
  if (shared) return { removed, treeRemoved: false };
  const fate = await removeTree(node.collection, ref.tree, { youngMs: 0, dryRun: false, refs: [] });
  if (fate === "removed") await node.collection.sharedFiles.sweep();
  return { removed, treeRemoved: fate === "removed" };
}
