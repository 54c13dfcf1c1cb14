import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  AcquireRequest,
  AcquireResponseSchema,
  ReleaseRequest,
  ReleaseResponseSchema,
  RenewRequest,
  RenewResponseSchema,
} from "@cpm/agent-client/contract";
import { agentError } from "../errors.ts";
import type { AgentNode } from "../node/agent-node.ts";
import type { Caller } from "./caller.ts";
import { leaseCaller } from "./ensure-handler.ts";
import { leaseMessage } from "./messages.ts";
import { invalid, parseDigestField, parseLeaseDuration, parseLeaseRequest } from "./parse-request.ts";
import type { LeaseTimes } from "./parse-request.ts";

/** Nothing is leased unless everything is here. */
export function answerAcquire(
  { lease, treeDigests }: AcquireRequest,
  caller: Caller,
  node: AgentNode,
  times: LeaseTimes,
): MessageInitShape<typeof AcquireResponseSchema> {
  if (lease === undefined) throw invalid("no lease is described");
  if (treeDigests.length === 0) throw invalid("no tree is named");
  const request = parseLeaseRequest(lease, times);
  const trees = treeDigests.map((text) => parseDigestField(text, "tree_digests"));
  const missing = trees.find((tree) => !node.store.holds(tree));
  if (missing !== undefined) throw agentError("agent/not-installed", `the tree ${missing} is not on this node`);
  const taken = node.leases.acquire(request, trees, leaseCaller(caller));
  for (const tree of trees) node.packages.touch(tree);
  return { lease: leaseMessage(taken) };
}

export function answerRenew(
  { id, duration }: RenewRequest,
  caller: Caller,
  node: AgentNode,
  times: LeaseTimes,
): MessageInitShape<typeof RenewResponseSchema> {
  const renewed = node.leases.renew(id, parseLeaseDuration(duration, times), leaseCaller(caller));
  return { lease: leaseMessage(renewed) };
}

export function answerRelease(
  { id }: ReleaseRequest,
  caller: Caller,
  node: AgentNode,
): MessageInitShape<typeof ReleaseResponseSchema> {
  return { released: node.leases.release(id, leaseCaller(caller)) };
}
