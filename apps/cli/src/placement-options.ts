import type { PlacementRequest } from "@cpm/operations";
import type { OptionTable, ParsedOptions } from "./command.ts";
import { usageError } from "./errors.ts";

const modes = ["all", "any", "selector", "none"] as const;

/** Flag of the commands that carry a plan out. */
export const placementLimits = {
  "placement-timeout": {
    type: "duration",
    value: "10m",
    description: "Give each node this long for its packages. Default: 10m.",
  },
} as const satisfies OptionTable;

/** Flags of the commands that decide where files go. */
export const placementOptions = {
  placement: {
    type: "string",
    value: "NODES",
    choices: modes,
    description:
      "The nodes that get the files, by their agents: each, one, those of --selector, or none. Default: all; this machine where the colony has no agent, or the package is in no registry.",
  },
  selector: {
    type: "string",
    value: "KEY=VALUE,…",
    description: "Only nodes with this name (with *), location, arch or platform.",
  },
  ...placementLimits,
} as const satisfies OptionTable;

/** `--selector` alone means the mode of its name; with `any` it says which nodes may be the one. */
export async function readPlacement({
  placement,
  selector,
}: ParsedOptions<typeof placementOptions>): Promise<PlacementRequest> {
  const given = modes.find((known) => known === placement);
  if (selector === undefined) {
    if (given === "selector")
      throw usageError("--placement selector needs --selector", "Such as --selector name=gpu-*.");
    return { mode: given };
  }
  if (given === "all" || given === "none") throw usageError(`--placement ${given} takes no --selector`);
  const { parseNodeSelector } = await import("@cpm/operations");
  return { mode: given ?? "selector", selector: parseNodeSelector(selector) };
}
