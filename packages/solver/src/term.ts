import type { PackageState } from "./package-state.ts";
import type { Relation, VersionSet } from "./version-set.ts";

/**
 * A statement about one package: "a version of the set is chosen", or its negation, which is also true when the
 * package is not chosen at all.
 */
export interface Term {
  readonly about: PackageState;
  readonly positive: boolean;
  readonly set: VersionSet;
}

export function negate({ about, positive, set }: Term): Term {
  return { about, positive: !positive, set };
}

/** Both statements in one. Two about the same package; a positive one may become impossible (an empty set). */
export function both(left: Term, right: Term): Term {
  if (left.positive && right.positive) return { ...left, set: left.set.intersection(right.set) };
  if (left.positive) return { ...left, set: left.set.difference(right.set) };
  if (right.positive) return { ...right, set: right.set.difference(left.set) };
  return { ...left, set: left.set.union(right.set) };
}

/**
 * What `known` says about `term`: it must be true ("subset"), cannot be ("disjoint"), or may be ("overlapping").
 * Nothing known of a package leaves every term about it open.
 */
export function relate(known: Term | undefined, term: Term): Relation {
  if (known === undefined) return "overlapping";
  if (known.positive) {
    const relation = known.set.relationTo(term.set);
    if (term.positive || relation === "overlapping") return relation;
    return relation === "subset" ? "disjoint" : "subset";
  }
  if (!term.set.isSubsetOf(known.set)) return "overlapping";
  return term.positive ? "disjoint" : "subset";
}

export function satisfies(known: Term | undefined, term: Term): boolean {
  return relate(known, term) === "subset";
}
