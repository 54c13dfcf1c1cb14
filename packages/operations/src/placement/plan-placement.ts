import { isIndexType } from "@cpm/oci";
import { operationError } from "../errors.ts";
import type { ReleasePackage } from "../release/collect-packages.ts";
import type { ChosenNodes } from "./choose-nodes.ts";
import type { AgentNode } from "./agent-nodes.ts";
import { byFreeSpace } from "./choose-nodes.ts";
import type { PlannedNode, PlannedPlacement } from "./placement-plan.ts";

/**
 * What agents are asked for: the packages with payload. What has only templates is of use to nobody on a node, and a
 * node that is away shall not keep it from being installed.
 */
function payloadPackages(packages: readonly ReleasePackage[]): readonly ReleasePackage[] {
  return packages.filter(({ variant }) => variant.layers.length > 1);
}

/** `namespace/name@version`. */
export function nameOfPackage({ variant: { manifest } }: ReleasePackage): string {
  return `${manifest.name}@${manifest.version.text}`;
}

/**
 * Says for each node what it has and what it is to fetch. Throws `placement/not-published` and
 * `placement/several-platforms`.
 */
export function planPlacement(chosen: ChosenNodes, packages: readonly ReleasePackage[]): PlannedPlacement {
  const placed = payloadPackages(packages);
  if (chosen.nodes.length > 0) {
    assertPublished(placed);
    assertOnePlatform(chosen.nodes, placed);
  }
  const names = placed.map(nameOfPackage);
  const order = chosen.mode === "any" ? chosen.nodes.toSorted(byPresence(names)) : chosen.nodes;
  return { ...chosen, nodes: order.map((node) => planNode(node, names)) };
}

function planNode({ name, platform = "", packages }: AgentNode, names: readonly string[]): PlannedNode {
  return {
    name,
    platform,
    present: names.filter((wanted) => packages.includes(wanted)),
    fetch: names.filter((wanted) => !packages.includes(wanted)),
  };
}

function byPresence(names: readonly string[]): (left: AgentNode, right: AgentNode) => number {
  const missing = ({ packages }: AgentNode) => names.filter((name) => !packages.includes(name)).length;
  return (left, right) => missing(left) - missing(right) || byFreeSpace(left, right);
}

function assertPublished(placed: readonly ReleasePackage[]): void {
  const local = placed.find(({ registry }) => registry === undefined);
  if (local === undefined) return;
  throw operationError(
    "placement/not-published",
    `${nameOfPackage(local)} is only here, and agents fetch from a registry`,
  );
}

/** The path of a tree is the path of its bytes: with other files for each platform there is no one path for all nodes. */
function assertOnePlatform(nodes: readonly AgentNode[], placed: readonly ReleasePackage[]): void {
  const platforms = Map.groupBy(nodes, ({ platform }) => platform);
  const own = placed.find(({ variant }) => isIndexType(variant.root.mediaType));
  if (platforms.size === 1 || own === undefined) return;
  const list = [...platforms].map(([platform, those]) => `${platform} (${those.map(({ name }) => name).join(", ")})`);
  throw operationError(
    "placement/several-platforms",
    `${nameOfPackage(own)} has other files for each platform, and the nodes are ${list.join(" and ")}`,
    { hint: `Choose the nodes of one, such as --selector platform=${nodes[0]?.platform}, with a release for each.` },
  );
}
