import type { Range, Version } from "@cpm/model";
import type { MinimumAge } from "./listing.ts";

/** What is to be resolved. Several about one package must all hold. */
export interface Requirement {
  readonly name: string;
  readonly range: Range;
  /** Who asks, as a failure should say it: `colony.yaml`, `cpm.lock`, `release web`, `the command line`. */
  readonly from: string;
}

export interface SolveOptions {
  /** The package whose requirements these are, for packages that depend on it in turn. */
  readonly self?: { readonly name: string; readonly version: Version };
  /** Versions to keep where they fit. They may be yanked or young; neither need they be listed any more. */
  readonly locked?: ReadonlyMap<string, Version>;
  /** Locked packages to move to their newest version; others follow only where they must. */
  readonly update?: ReadonlySet<string>;
  /** Leaves out versions that were published more recently than this. */
  readonly minimumAge?: MinimumAge;
  /** Default: newest. */
  readonly prefer?: "newest" | "oldest";
  readonly limits?: Partial<Limits>;
}

/** A search that goes over one ends with `solver/limit`: versions and ranges come from outside, and the problem is NP-hard. */
export interface Limits {
  /** Default: 100 000. */
  readonly decisions: number;
  /** Default: 5 000 000, some seconds. */
  readonly steps: number;
}

export const defaultLimits: Limits = { decisions: 100_000, steps: 5_000_000 };
