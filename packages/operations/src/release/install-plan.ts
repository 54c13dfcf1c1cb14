import type { Digest, JsonObject } from "@cpm/base";
import type { ReleaseName } from "@cpm/model";
import type { ResourceKind } from "@cpm/template";
import type { PlannedPlacement } from "../placement/placement-plan.ts";
import type { ReleaseRequirements } from "./release-record.ts";

/**
 * What installing will do, as data: printed by a dry run, saved, and executed. It holds no secret: where one stands
 * in a resource it reads `***`, and the names of secret inputs are listed.
 */
export interface InstallPlan {
  readonly format: "cpm/plan/v1";
  readonly release: ReleaseName;
  readonly revision: number;
  readonly colony: string;
  /** Each after those that it needs; the one that was asked for is the last. */
  readonly packages: readonly PlannedPackage[];
  readonly placement: PlannedPlacement;
  /** In the order of creation. */
  readonly resources: readonly PlannedResource[];
  readonly requirements: readonly CheckedRequirement[];
  /** The revision whose client died and whose work this one takes over. */
  readonly recovers?: number;
}

export interface PlannedPackage {
  readonly name: string;
  /** Which instance of a multi-instance package; absent for the one that everybody shares. */
  readonly instance?: string;
  readonly version: string;
  readonly digest: Digest;
  readonly registry?: string;
  /** Address of the tree with its files, and where it is on the nodes of the placement. */
  readonly tree: Digest;
  readonly path: string;
  /** Whether the files are on all of them already. */
  readonly placed: boolean;
  /** Compressed bytes of the layers. */
  readonly sizeBytes: number;
  /** Secrets as `***`. */
  readonly inputs: JsonObject;
  readonly secretInputs: readonly string[];
  /** What it asks of other releases of the colony; absent where it asks nothing. */
  readonly requires?: ReleaseRequirements;
}

export interface PlannedResource {
  readonly package: string;
  /** See `PlannedPackage.instance`. */
  readonly instance?: string;
  readonly kind: ResourceKind;
  readonly name: string;
  /** Its name in the colony; absent for work. */
  readonly object?: string;
  readonly digest: Digest;
  /** The ColonyOS object without the marks of the release, secrets as `***`. */
  readonly spec: JsonObject;
  /** Whether there is a secret in it: such a resource is never taken over from an earlier attempt. */
  readonly secret: boolean;
}

/** One thing that the colony must offer. */
export interface CheckedRequirement {
  readonly what: string;
  /** `unchecked` where the colony does not tell. */
  readonly result: "met" | "missing" | "unchecked";
  readonly detail: string;
}
