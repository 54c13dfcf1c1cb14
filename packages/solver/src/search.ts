import type { Version } from "@cpm/model";
import { findRootCause, furthestJump } from "./conflict.ts";
import { DecisionQueue } from "./decision-queue.ts";
import { dependencyFacts, requirementFacts, widenedFacts } from "./dependency-facts.ts";
import { cancelled, limitReached, noSolution } from "./errors.ts";
import { explain } from "./failure.ts";
import { Incompatibility } from "./incompatibility.ts";
import type { Cause } from "./incompatibility.ts";
import { defaultLimits } from "./options.ts";
import type { Limits, Requirement, SolveOptions } from "./options.ts";
import type { PackageState } from "./package-state.ts";
import { PartialSolution } from "./partial-solution.ts";
import { isFact } from "./provider.ts";
import type { Provider } from "./provider.ts";
import type { Solution, Work } from "./solution.ts";
import type { Term } from "./term.ts";
import { Universe } from "./universe.ts";
import { everyVersion, exactly } from "./version-set.ts";
import type { VersionSet } from "./version-set.ts";

/**
 * So many versions ruled out at once by one earlier choice, and the choice is reconsidered first: a package should
 * not fall back to its oldest versions because another, that could as well have given way, was decided before it.
 */
const lostVersions = 5;

/**
 * PubGrub as dart-lang/pub's `doc/solver.md` describes it. A generator: it hands out a promise whenever a fact is not
 * there yet, and is to be resumed when that is fulfilled. With a provider that answers at once it never stops.
 */
export function* search(
  requirements: readonly Requirement[],
  provider: Provider,
  options: SolveOptions,
): Generator<PromiseLike<unknown>, Solution, void> {
  return yield* new Search(requirements, provider, options).run();
}

class Search {
  readonly #universe: Universe;
  readonly #requirements: readonly Requirement[];
  readonly #limits: Limits;
  readonly #solution: PartialSolution = new PartialSolution();
  readonly #queue: DecisionQueue = new DecisionQueue();
  #decisions = 0;
  #steps = 0;

  constructor(requirements: readonly Requirement[], provider: Provider, options: SolveOptions) {
    this.#universe = new Universe(requirements, provider, options);
    this.#requirements = requirements;
    this.#limits = { ...defaultLimits, ...options.limits };
  }

  *run(): Generator<PromiseLike<unknown>, Solution, void> {
    const { root, rootVersion } = this.#universe;
    const term: Term = { about: root, positive: false, set: exactly(rootVersion) };
    this.#propagate([], [this.#addFact(term, { kind: "root" })]);
    for (;;) {
      yield* this.#learn();
      const decided = yield* this.#decide();
      if (decided === undefined) break;
      this.#propagate([decided]);
    }
    return { packages: this.#chosen(), work: this.#work() };
  }

  /** Derives all that follows from new incompatibilities, and from what was newly learned of packages. */
  #propagate(packages: readonly PackageState[], fresh: readonly Incompatibility[] = []): void {
    const waiting = new Set(packages);
    for (const incompatibility of fresh) this.#examine(incompatibility, waiting);
    for (const about of waiting) {
      waiting.delete(about);
      this.#propagateOne(about, waiting);
    }
  }

  /**
   * Newest first: conclusions from conflicts say more than the facts before them. Nothing can follow from those whose
   * term about this package is not certain: the other terms have not changed.
   */
  #propagateOne(about: PackageState, waiting: Set<PackageState>): void {
    const { mentions } = about;
    for (let at = mentions.length - 1; at >= 0; at--) {
      const mention = mentions[at];
      if (mention === undefined) continue;
      this.#step();
      if (this.#solution.isSpent(mention.incompatibility)) mentions.splice(at, 1);
      if (this.#solution.isStillContradicted(mention.incompatibility)) continue;
      if (!this.#solution.satisfies(mention.term)) continue;
      if (this.#examine(mention.incompatibility, waiting)) return;
    }
  }

  /** Derives what follows from one incompatibility; true when decisions were taken back for it. */
  #examine(incompatibility: Incompatibility, waiting: Set<PackageState>): boolean {
    const open = this.#openTerm(incompatibility);
    if (open === undefined) return false;
    if (open === "conflict") {
      waiting.clear();
      waiting.add(this.#resolve(incompatibility));
      return true;
    }
    if (this.#reconsiders(open, incompatibility)) {
      waiting.clear();
      return true;
    }
    this.#deriveAgainst(open, incompatibility);
    waiting.add(open.about);
    return false;
  }

  /** The one term that is not certain yet; undefined when there are more, or one that cannot be true. */
  #openTerm(incompatibility: Incompatibility): Term | "conflict" | undefined {
    let open: Term | undefined;
    for (const term of incompatibility.terms) {
      const relation = this.#solution.relationTo(term);
      if (relation === "disjoint") {
        this.#solution.noteContradiction(incompatibility);
        return undefined;
      }
      if (relation === "subset") continue;
      if (open !== undefined) return undefined;
      open = term;
    }
    return open ?? "conflict";
  }

  #deriveAgainst(term: Term, cause: Incompatibility): void {
    this.#solution.derive({ about: term.about, positive: !term.positive, set: term.set }, cause);
    this.#solution.noteContradiction(cause);
  }

  /** Goes back to where the conflict's root cause rules something out; the package that it says something new of. */
  #resolve(conflict: Incompatibility): PackageState {
    const { incompatibility, backtrackTo } = findRootCause(conflict, this.#solution, () => this.#step());
    if (backtrackTo === undefined) throw noSolution(explain(incompatibility, this.#universe), this.#work());
    this.#solution.backtrack(backtrackTo);
    for (const { about } of incompatibility.terms) about.conflicts++;
    if (incompatibility !== conflict) this.#add(incompatibility);
    const open = this.#openTerm(incompatibility);
    if (open === undefined || open === "conflict") throw new TypeError("a root cause rules nothing out");
    this.#deriveAgainst(open, incompatibility);
    return open.about;
  }

  /**
   * Takes an earlier decision back, rather than give up many versions of an open package for it; once for each package
   * that was decided too early. A package that is to be updated gives up none.
   */
  #reconsiders({ about, positive, set }: Term, { cause, terms }: Incompatibility): boolean {
    if (cause.kind !== "dependency" || !positive || !about.isOpen) return false;
    const earlier = terms.find((term) => term.about !== about)?.about;
    const [before, decided] = earlier?.assignments.slice(-2) ?? [];
    if (earlier === undefined || earlier.isRoot || earlier.turn === "late") return false;
    if (decided?.decision === undefined || before === undefined) return false;
    if (this.#solution.level - decided.level > furthestJump) return false;
    const isUpdated = this.#universe.isUpdated(about);
    if (!isUpdated && this.#universe.count(earlier, before.known.set) < 2) return false;
    const lost = this.#universe.count(about, setOf(about).intersection(set));
    if (lost < (isUpdated ? 1 : lostVersions)) return false;
    about.turn = "early";
    earlier.turn = "late";
    this.#solution.backtrack(decided.level - 1);
    this.#solution.changed.add(about);
    return true;
  }

  /**
   * Asks for what the next decision may need, all at once, and takes the needs of each open package's best version
   * before any is decided: what all versions left of a package need is then known early, not after a thousand decisions
   * that it rules out. Puts open packages in their order.
   */
  *#learn(): Generator<PromiseLike<unknown>, void, void> {
    while (this.#solution.changed.size > 0) {
      const changed = [...this.#solution.changed];
      this.#solution.changed.clear();
      const open = changed.filter((about) => about.isOpen && !about.isRoot);
      const unlisted = open.filter((about) => about.listing === undefined && this.#needsListing(about));
      if (unlisted.length > 0) yield* waitForAll(unlisted.map((about) => this.#universe.list(about)));
      const best = open.map((about) => ({ about, version: this.#universe.choose(about, setOf(about)) }));
      yield* waitForAll(
        best.map(({ about, version }) => (version === undefined ? undefined : this.#universe.learn(about, version))),
      );
      for (const about of changed) {
        if (!about.isOpen) this.#queue.remove(about);
        else this.#queue.put(about, this.#priority(about));
      }
      const needs: Incompatibility[] = [];
      for (const { about, version } of best) if (version !== undefined) this.#takeNeeds(about, version, needs);
      if (needs.length === 0) continue;
      const unmet = yield* this.#unmetNeeds(needs);
      this.#propagate([], [...unmet, ...needs]);
    }
  }

  /** Adds what is newly learned from the best version of an open package. */
  #takeNeeds(about: PackageState, version: Version, needs: Incompatibility[]): void {
    if (about.listing === undefined) about.takenAlone.add(version);
    for (const need of dependencyFacts(this.#universe, about, version)) {
      this.#add(need);
      needs.push(need);
    }
  }

  /**
   * Needs that nothing can meet, of packages that were listed before; and of facts about the world, which are few and
   * fixed, so that they are looked up at once.
   */
  *#unmetNeeds(needs: readonly Incompatibility[]): Generator<PromiseLike<unknown>, readonly Incompatibility[], void> {
    const wanted: Term[] = [];
    const facts = new Set<PackageState>();
    for (const { terms } of needs)
      for (const { about, positive, set } of terms) {
        if (positive || about.isRoot) continue;
        wanted.push({ about, positive: true, set });
        if (isFact(about.name)) facts.add(about);
      }
    yield* waitForAll([...facts].map((about) => this.#universe.list(about)));
    return wanted
      .filter((term) => term.about.listing !== undefined && this.#universe.count(term.about, term.set) === 0)
      .filter((term) => this.#solution.relationTo(term) !== "disjoint")
      .map((term) => this.#addUnmet(term));
  }

  #addUnmet({ about, set }: Term): Incompatibility {
    const { listing } = about;
    if (listing === "missing")
      return this.#addFact({ about, positive: true, set: everyVersion }, { kind: "unknown-package" });
    const leftOut = listing === undefined || isFact(about.name) ? [] : listing.leftOut(set);
    return this.#addFact({ about, positive: true, set }, { kind: "no-versions", leftOut });
  }

  #needsListing(about: PackageState): boolean {
    return !about.isRoot && (about.locked === undefined || !setOf(about).has(about.locked));
  }

  #priority(about: PackageState): number {
    const fitting = this.#universe.count(about, setOf(about));
    return this.#universe.provider.prioritise?.(about.name, fitting) ?? fitting;
  }

  /** Decides the first open package; the one to propagate, or undefined when none is open. */
  *#decide(): Generator<PromiseLike<unknown>, PackageState | undefined, void> {
    const about = this.#queue.first();
    if (about === undefined) return undefined;
    if (this.#universe.provider.cancel?.() === true) throw cancelled(this.#work());
    const version = this.#universe.choose(about, setOf(about));
    if (version === undefined) {
      this.#propagate([], this.#ruleOut(about));
      return about;
    }
    if (about.isRoot) {
      const needs = requirementFacts(this.#universe, this.#requirements);
      for (const need of needs) this.#add(need);
      for (const unmet of yield* this.#unmetNeeds(needs)) this.#propagate([], [unmet]);
    }
    this.#choose(about, version);
    return about;
  }

  #choose(about: PackageState, version: Parameters<PartialSolution["decide"]>[1]): void {
    if (!about.isRoot && ++this.#decisions > this.#limits.decisions)
      throw limitReached("decisions", this.#limits.decisions, this.#work());
    this.#solution.decide(about, version);
  }

  /** No version fits what is known: says so, in the most general way that is true. */
  #ruleOut(about: PackageState): readonly Incompatibility[] {
    const widened = widenedFacts(this.#universe, about);
    for (const fact of widened) this.#add(fact);
    return widened.length > 0 ? widened : [this.#addUnmet({ about, positive: true, set: setOf(about) })];
  }

  #addFact(term: Term, cause: Cause): Incompatibility {
    const fact = new Incompatibility([term], cause);
    this.#add(fact);
    return fact;
  }

  #add(incompatibility: Incompatibility): void {
    for (const term of incompatibility.terms) term.about.mentions.push({ incompatibility, term });
  }

  #step(): void {
    if (++this.#steps > this.#limits.steps) throw limitReached("steps", this.#limits.steps, this.#work());
  }

  #work(): Work {
    return { decisions: this.#decisions, attempts: this.#solution.attempts, steps: this.#steps };
  }

  #chosen(): Solution["packages"] {
    const all = this.#solution.decisions().filter(([{ name, isRoot }]) => !isRoot && !isFact(name));
    const sorted = all.toSorted(([left], [right]) => (left.name < right.name ? -1 : 1));
    return new Map(sorted.map(([{ name }, version]) => [name, version]));
  }
}

function setOf({ known, name }: PackageState): VersionSet {
  if (known === undefined) throw new TypeError(`nothing is known of ${name}`);
  return known.set;
}

function* waitForAll(
  answers: readonly (PromiseLike<unknown> | undefined)[],
): Generator<PromiseLike<unknown>, void, void> {
  const pending = answers.filter((answer) => answer !== undefined);
  if (pending.length > 0) yield Promise.all(pending);
}
