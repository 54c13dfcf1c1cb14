import type { PackageState } from "./package-state.ts";
import type { Exclusion } from "./provider.ts";
import { both } from "./term.ts";
import type { Term } from "./term.ts";
import type { VersionSet } from "./version-set.ts";

/** Why terms exclude one another: a fact about the world, or a conclusion from two others. */
export type Cause =
  | { readonly kind: "root" }
  | DependencyCause
  | { readonly kind: "no-versions"; readonly leftOut: readonly LeftOut[] }
  | { readonly kind: "unknown-package" }
  | { readonly kind: "unusable"; readonly reason: string }
  | ConflictCause;

export interface DependencyCause {
  readonly kind: "dependency";
  /** Who wrote the requirement, when it is not a package: a file, a release, the command line. */
  readonly from: string | undefined;
  readonly depender: Term;
  readonly target: PackageState;
  readonly targetSet: VersionSet;
}

export interface ConflictCause {
  readonly kind: "conflict";
  readonly conflict: Incompatibility;
  readonly other: Incompatibility;
}

/** A version that would fit, and why it may not be chosen. */
export interface LeftOut {
  readonly version: string;
  readonly exclusion: Exclusion;
}

/** Terms of which not all may be true, at most one for each package. */
export class Incompatibility {
  readonly terms: readonly Term[];
  readonly cause: Cause;
  /** Replaced by one that says more; no longer looked at. */
  superseded: boolean = false;
  /** The decision level, and that level's stamp, at which it was seen to be contradicted (see PartialSolution). */
  contradictedLevel: number = -1;
  contradictedStamp: number = -1;

  constructor(terms: readonly Term[], cause: Cause) {
    this.terms = terms;
    this.cause = cause;
  }

  /** Whether it says that the root cannot be chosen, which is that there is no solution. */
  get isFailure(): boolean {
    const [first] = this.terms;
    return first === undefined || (this.terms.length === 1 && first.positive && first.about.isRoot);
  }
}

/** The conclusion from two incompatibilities. Positive terms about the root always hold and are left out. */
export function derive(terms: readonly Term[], cause: ConflictCause): Incompatibility {
  const merged = new Map<PackageState, Term>();
  for (const term of terms) {
    const known = merged.get(term.about);
    merged.set(term.about, known === undefined ? term : both(known, term));
  }
  const all = [...merged.values()];
  const others = all.filter((term) => !(term.positive && term.about.isRoot));
  return new Incompatibility(others.length === 0 ? all : others, cause);
}
