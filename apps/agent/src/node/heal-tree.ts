import { agentError } from "../errors.ts";
import type { AgentNode } from "./agent-node.ts";
import { removeTree } from "./collect-trees.ts";
import type { InstalledRef } from "./installed-packages.ts";

/**
 * Replaces a damaged tree by what the registry has under the manifest that it came from. Throws `agent/held` while
 * somebody uses the tree, and what fetching throws: then the version is gone from this node rather than wrong.
 */
export async function healTree(node: AgentNode, ref: InstalledRef, signal: AbortSignal): Promise<boolean> {
  const { manifest, pinned } = node.packages.describe(ref);
  if (manifest === undefined) return false;
  const fate = await removeTree(node.collection, ref.tree, { youngMs: 0, dryRun: false, refs: [] });
  if (fate !== "removed") throw agentError("agent/held", `the tree ${ref.tree} is ${fate}`);
  const wanted = { name: ref.name, selector: { kind: "manifest", digest: manifest } } as const;
  const nobody = { uid: 0, administrator: true };
  await node.ensurer.ensure({ wanted, pin: pinned }, nobody, () => {}, signal);
  return true;
}
