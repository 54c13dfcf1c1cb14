import type { Version } from "@cpm/model";
import type { Incompatibility } from "./incompatibility.ts";
import type { Term } from "./term.ts";

/** One step of the partial solution: a decision for a version, or a term derived from an incompatibility. */
export interface Assignment {
  readonly term: Term;
  /** This one and all earlier ones about the same package in one term. */
  readonly known: Term;
  readonly level: number;
  /** The place among all assignments. */
  readonly index: number;
  /** Undefined for a decision. */
  readonly cause: Incompatibility | undefined;
  /** Undefined for a derivation. */
  readonly decision: Version | undefined;
}
