import type { VerifyRequest, VerifyResponseSchema } from "@cpm/agent-client/contract";
import type { AgentNode } from "../node/agent-node.ts";
import { assertAdministrator } from "./call-gate.ts";
import type { StreamContext } from "./implement.ts";
import { parsePackageRequest, requireFeatures } from "./parse-request.ts";
import { healTree } from "../node/heal-tree.ts";
import { installedOf } from "./package-handlers.ts";

/** Asks who vouches for a package, where that is wanted, and reads every file again; heals where that was asked for and nobody holds the tree. */
export async function answerVerify(
  request: VerifyRequest,
  call: StreamContext<typeof VerifyResponseSchema>,
  node: AgentNode,
): Promise<void> {
  requireFeatures(request.requiredFeatures);
  if (request.heal) assertAdministrator(call.caller, "Verify with heal");
  const ref = installedOf(node, parsePackageRequest(request.package));
  // First: reading every file takes long, and is in vain where nobody vouches for them.
  const signers = request.signatures ? [...(await node.ensurer.signersOf(ref, call.signal))] : [];
  const totalBytes = BigInt(node.packages.sizeOf(ref.tree));
  await call.send({ update: { case: "progress", value: { doneBytes: 0n, totalBytes } } });
  const folder = node.store.treeFolder(ref.tree);
  const { paths, count } = await node.verifier.verifyTree(folder, ref.tree, { signal: call.signal });
  const healed = count > 0 && request.heal && (await healTree(node, ref.tree, call.signal)) === "healed";
  if (count > 0) node.events.add({ kind: "damaged", tree: ref.tree, healed });
  const value = { intact: count === 0, damagedPaths: [...paths], damagedCount: BigInt(count), healed, signers };
  await call.send({ update: { case: "result", value } });
}
