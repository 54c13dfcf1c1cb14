import type { Version } from "@cpm/model";

/** Counted, so that tests and limits do not depend on a clock. */
export interface Work {
  /** Versions chosen, those taken back included; neither the root nor choices that were seen to conflict at once. */
  readonly decisions: number;
  /** Solutions begun: one, and one more for each time that decisions were taken back and others made. */
  readonly attempts: number;
  /** Incompatibilities looked at. */
  readonly steps: number;
}

/** One version for each package that the requirements reach, and no other package. */
export interface Solution {
  /** By name, sorted. Facts about the world are not among them. */
  readonly packages: ReadonlyMap<string, Version>;
  readonly work: Work;
}
