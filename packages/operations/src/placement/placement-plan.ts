/**
 * Where the payload of a release goes. `here`: this machine, as there is no agent. `all`, `any`, `selector`: nodes, by
 * their agents. `none`: nowhere, as it is there already or comes in another way.
 */
export const placementModes = ["here", "all", "any", "selector", "none"] as const;
export type PlacementMode = (typeof placementModes)[number];

export interface PlannedPlacement {
  readonly mode: PlacementMode;
  /** Which nodes, as it was given: `name=gpu-*,arch=arm64`. */
  readonly selector?: string;
  /** The packages directory that `${package.path}` is in. */
  readonly root: string;
  /** `os/arch` of the files that are meant. */
  readonly platform: string;
  /** Those that are asked; with `any` one after the other, in this order, until one has everything. */
  readonly nodes: readonly PlannedNode[];
  /** Agents that would be asked, and why they are not. */
  readonly leftOut: readonly LeftOutNode[];
  /** Why it is this machine although there are agents. */
  readonly why?: string;
}

export interface PlannedNode {
  readonly name: string;
  readonly platform: string;
  /** `namespace/name@version`, by what its agent reported last. */
  readonly present: readonly string[];
  readonly fetch: readonly string[];
}

export interface LeftOutNode {
  readonly name: string;
  readonly why: string;
}
