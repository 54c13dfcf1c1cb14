import type { Assignment } from "./assignment.ts";
import { derive } from "./incompatibility.ts";
import type { Incompatibility } from "./incompatibility.ts";
import { rootLevel } from "./partial-solution.ts";
import type { PartialSolution } from "./partial-solution.ts";
import { both, negate, satisfies } from "./term.ts";
import type { Term } from "./term.ts";

/** Why decisions conflict, and how far they must be taken back for it to rule something out. */
export interface RootCause {
  readonly incompatibility: Incompatibility;
  /** Undefined when the root itself is ruled out: there is no solution. */
  readonly backtrackTo: number | undefined;
}

interface LatestSatisfier {
  readonly term: Term;
  readonly satisfier: Assignment;
  /** What the satisfier allows beyond the term, where only earlier assignments complete it. */
  readonly difference: Term | undefined;
  /** The level at which all else was already true; the root's at least, which keeps requirements near the end of a proof. */
  readonly previousLevel: number;
}

/**
 * Conflict resolution as in the description of PubGrub: as long as the latest assignment that made the
 * incompatibility true was itself derived at the same level, the two are resolved into one that is nearer to the root.
 */
export function findRootCause(conflict: Incompatibility, solution: PartialSolution, countStep: () => void): RootCause {
  let incompatibility = conflict;
  while (!incompatibility.isFailure) {
    countStep();
    const { term, satisfier, difference, previousLevel } = latestSatisfier(incompatibility, solution);
    const { cause } = satisfier;
    if (cause === undefined || previousLevel < satisfier.level)
      return { incompatibility, backtrackTo: backtrackLevel(previousLevel, satisfier.level - 1) };
    const terms = [
      ...incompatibility.terms.filter((other) => other !== term),
      ...cause.terms.filter((other) => other.about !== term.about),
      ...(difference === undefined ? [] : [negate(difference)]),
    ];
    incompatibility = derive(terms, { kind: "conflict", conflict: incompatibility, other: cause });
  }
  return { incompatibility, backtrackTo: undefined };
}

/**
 * Further back than this, only the latest decision is taken back. Something is ruled out either way; a far jump would
 * mostly make the same thousand decisions again. (Nadel and Ryvchin, "Chronological Backtracking", SAT 2018.)
 */
export const furthestJump = 100;

function backtrackLevel(lowest: number, highest: number): number {
  return highest - lowest > furthestJump ? highest : lowest;
}

function latestSatisfier(incompatibility: Incompatibility, solution: PartialSolution): LatestSatisfier {
  const found = incompatibility.terms.map((term) => ({ term, satisfier: solution.satisfier(term) }));
  const latest = found.reduce((left, right) => (left.satisfier.index < right.satisfier.index ? right : left));
  const difference = satisfies(latest.satisfier.term, latest.term)
    ? undefined
    : both(latest.satisfier.term, negate(latest.term));
  const earlier = found.filter((other) => other !== latest).map(({ satisfier }) => satisfier.level);
  if (difference !== undefined) earlier.push(solution.satisfier(negate(difference)).level);
  return { ...latest, difference, previousLevel: Math.max(rootLevel, ...earlier) };
}
