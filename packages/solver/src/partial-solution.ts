import type { Version } from "@cpm/model";
import type { Assignment } from "./assignment.ts";
import type { Incompatibility } from "./incompatibility.ts";
import type { PackageState } from "./package-state.ts";
import { both, relate, satisfies } from "./term.ts";
import type { Term } from "./term.ts";
import { exactly } from "./version-set.ts";
import type { Relation } from "./version-set.ts";

/** The level that the root is decided at. It is never taken back. */
export const rootLevel = 1;

/** What is taken to be true so far, in the order in which it was decided or derived. */
export class PartialSolution {
  /** Packages of which more or less is known than when they were last looked at. The decision queue empties it. */
  readonly changed: Set<PackageState> = new Set();
  /** Decisions made after going back: how many solutions were begun. */
  attempts: number = 1;
  readonly #assignments: Assignment[] = [];
  /** One stamp for each open decision level, never used twice: it tells a level from a later one of the same number. */
  readonly #stamps: number[] = [0];
  #lastStamp = 0;
  #wentBack = false;
  #required = 0;

  /** The number of decisions that stand, the root's included. */
  get level(): number {
    return this.#stamps.length - 1;
  }

  decisions(): readonly (readonly [PackageState, Version])[] {
    return this.#assignments.flatMap(({ term, decision }) => (decision === undefined ? [] : [[term.about, decision]]));
  }

  decide(about: PackageState, version: Version): void {
    if (this.#wentBack) this.attempts++;
    this.#wentBack = false;
    this.#stamps.push(++this.#lastStamp);
    this.#assign({ about, positive: true, set: exactly(version) }, undefined, version);
  }

  derive(term: Term, cause: Incompatibility): void {
    this.#assign(term, cause, undefined);
  }

  relationTo(term: Term): Relation {
    const last = term.about.assignments.at(-1);
    if (last?.decision === undefined) return relate(last?.known, term);
    return term.set.has(last.decision) === term.positive ? "subset" : "disjoint";
  }

  satisfies(term: Term): boolean {
    return this.relationTo(term) === "subset";
  }

  /** The earliest assignment by which the term must be true. */
  satisfier(term: Term): Assignment {
    const { assignments } = term.about;
    let low = 0;
    let high = assignments.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (satisfies(assignments[middle]?.known, term)) high = middle;
      else low = middle + 1;
    }
    const found = assignments[low];
    if (found === undefined) throw new TypeError(`a term about ${term.about.name} is not satisfied`);
    return found;
  }

  /** Forgets everything that was assigned above this level. */
  backtrack(level: number): void {
    this.#wentBack = true;
    for (let last = this.#assignments.at(-1); last !== undefined && last.level > level;) {
      last.term.about.assignments.pop();
      this.changed.add(last.term.about);
      this.#assignments.pop();
      last = this.#assignments.at(-1);
    }
    this.#stamps.length = level + 1;
  }

  /** Remembers that nothing can follow from the incompatibility until its contradiction is taken back. */
  noteContradiction(incompatibility: Incompatibility): void {
    incompatibility.contradictedLevel = this.level;
    incompatibility.contradictedStamp = this.#stamps[this.level] ?? 0;
  }

  /** Whether it will never say anything again. */
  isSpent({ superseded, contradictedLevel }: Incompatibility): boolean {
    return superseded || (contradictedLevel >= 0 && contradictedLevel <= rootLevel);
  }

  isStillContradicted({ contradictedLevel, contradictedStamp }: Incompatibility): boolean {
    return contradictedLevel >= 0 && this.#stamps[contradictedLevel] === contradictedStamp;
  }

  #assign(term: Term, cause: Incompatibility | undefined, decision: Version | undefined): void {
    const { about } = term;
    const earlier = about.known;
    const known = decision !== undefined || earlier === undefined ? term : both(earlier, term);
    if (known.positive && earlier?.positive !== true) about.requiredAt = ++this.#required;
    const assignment = { term, known, level: this.level, index: this.#assignments.length, cause, decision };
    this.#assignments.push(assignment);
    about.assignments.push(assignment);
    this.changed.add(about);
  }
}
