import type { Executor } from "@cpm/colonies";
import { operationError } from "../errors.ts";
import type { AgentNode } from "./agent-nodes.ts";
import { agentNodes, whyNotUsable } from "./agent-nodes.ts";
import type { NodeSelector } from "./node-selector.ts";
import { matchesNode } from "./node-selector.ts";
import type { LeftOutNode, PlacementMode } from "./placement-plan.ts";

/** Where the files of a release are wanted. */
export interface PlacementRequest {
  /** Default: all, where the colony has agents that can be reached; else this machine. */
  readonly mode?: PlacementMode | undefined;
  readonly selector?: NodeSelector | undefined;
  /** Exactly these, as a saved plan has them; those that are gone are missing in the answer. */
  readonly names?: readonly string[] | undefined;
}

/** Where files go when no agent takes them. */
export interface ThisMachine {
  readonly root: string;
  readonly platform: string;
}

/** What is known of a placement before any package is read: platform and root decide what is read and rendered. */
export interface ChosenNodes {
  readonly mode: PlacementMode;
  readonly selector?: string;
  readonly root: string;
  readonly platform: string;
  readonly nodes: readonly AgentNode[];
  readonly leftOut: readonly LeftOutNode[];
  /** Why it is this machine although there are agents. */
  readonly why?: string;
}

/**
 * Chooses the nodes of a release and the packages directory that its paths are in. `published` says whether agents can
 * fetch the package. Throws `placement/no-agent` and `placement/several-roots`.
 */
export function chooseNodes(
  request: PlacementRequest,
  executors: readonly Executor[],
  here: ThisMachine,
  published: boolean,
): ChosenNodes {
  const { selector, names } = request;
  const agents = agentNodes(executors);
  const meant = agents.filter(
    (node) => (selector === undefined || matchesNode(selector, node)) && names?.includes(node.name) !== false,
  );
  const reasons = new Map(meant.map((node) => [node, whyNotUsable(node, executors)]));
  const usable = meant.filter((node) => reasons.get(node) === undefined);
  const leftOut = meant.flatMap((node) => {
    const why = reasons.get(node);
    // Who was removed on purpose is nobody's concern any more.
    return why === undefined || node.state !== "approved" ? [] : [{ name: node.name, why }];
  });
  const mode = request.mode ?? (usable.length === 0 || !published ? "here" : "all");
  const chosen = { mode, ...(selector === undefined ? {} : { selector: selector.text }), leftOut };
  if (mode === "here") {
    const why = usable.length === 0 ? {} : { why: "agents fetch from a registry, and this package is only here" };
    return { ...chosen, ...here, nodes: [], ...(request.mode === undefined ? why : {}) };
  }
  if (mode === "none") return { ...chosen, ...commonPlace(usable, here), nodes: [] };
  if (usable.length === 0) throw noAgent(selector, agents, leftOut);
  const nodes = mode === "any" ? alikeNodes(usable) : usable;
  return { ...chosen, ...onePlace(nodes), nodes };
}

/** Of several nodes one is enough, so those are tried that have their files where the roomiest one has them. */
function alikeNodes(usable: readonly AgentNode[]): readonly AgentNode[] {
  const sorted = usable.toSorted(byFreeSpace);
  const [first] = sorted;
  return sorted.filter(({ root, platform }) => root === first?.root && platform === first?.platform);
}

export function byFreeSpace(left: AgentNode, right: AgentNode): number {
  return (right.freeBytes ?? 0) - (left.freeBytes ?? 0);
}

/** Nothing is placed, and paths are those of the agents if these agree. */
function commonPlace(usable: readonly AgentNode[], here: ThisMachine): ThisMachine {
  const places = new Set(usable.map(({ root, platform }) => `${root} ${platform}`));
  return places.size === 1 ? onePlace(usable) : here;
}

/** One path stands in what is submitted, whichever node runs it. The platform may differ where packages have none. */
function onePlace(nodes: readonly AgentNode[]): ThisMachine {
  const [first] = nodes;
  if (first?.root === undefined || first.platform === undefined) throw new TypeError("a usable node tells these");
  const roots = Map.groupBy(nodes, ({ root }) => root);
  if (roots.size === 1) return { root: first.root, platform: first.platform };
  const list = [...roots].map(([root, those]) => `${root} on ${those.map(({ name }) => name).join(", ")}`);
  throw operationError("placement/several-roots", `the nodes keep packages in several directories: ${list.join("; ")}`);
}

function noAgent(selector: NodeSelector | undefined, agents: readonly AgentNode[], leftOut: readonly LeftOutNode[]) {
  const approved = agents.filter(({ state }) => state === "approved").map(({ name }) => name);
  const there = approved.length === 0 ? "the colony has none" : `the colony has ${approved.join(", ")}`;
  const silent = leftOut.map(({ name, why }) => `${name}: ${why}`);
  const what =
    selector === undefined ? "no agent can take packages" : `no agent that can take packages is ${selector.text}`;
  return operationError("placement/no-agent", `${what}: ${silent.length === 0 ? there : silent.join("; ")}`);
}
