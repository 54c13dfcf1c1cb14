import type { Executor } from "@cpm/colonies";
import { NodeStore } from "@cpm/store";
import type { PackageVariant } from "../package/read-package.ts";
import type { ChosenNodes, PlacementRequest } from "../placement/choose-nodes.ts";
import { chooseNodes } from "../placement/choose-nodes.ts";
import { parseNodeSelector } from "../placement/node-selector.ts";
import type { InstallRequest } from "./prepare-install.ts";

/** Where the files of a release will be. */
export interface ChosenPlace {
  readonly chosen: ChosenNodes;
  readonly pathOf: (variant: PackageVariant) => string;
}

/** Throws what choosing nodes throws. */
export function choosePlace(request: InstallRequest, executors: readonly Executor[], node: NodeStore): ChosenPlace {
  const here = { root: node.root, platform: request.platform };
  const chosen = chooseNodes(placementOf(request), executors, here, request.source.kind === "reference");
  // Names paths and touches no disk: the directory may be on other machines.
  const place = new NodeStore(chosen.root);
  return { chosen, pathOf: (variant) => place.treePath(variant.config.tree) };
}

/** A saved plan says which nodes; that they are still there is seen when the plans are compared. */
function placementOf({ planned, placement = {} }: InstallRequest): PlacementRequest {
  if (planned === undefined) return placement;
  const { mode, selector, nodes } = planned.placement;
  const chosen = selector === undefined ? {} : { selector: parseNodeSelector(selector) };
  return { mode, ...chosen, ...(nodes.length === 0 ? {} : { names: nodes.map(({ name }) => name) }) };
}
