import { describeHints } from "./hints.ts";
import type { ConflictCause, Incompatibility } from "./incompatibility.ts";
import { isFact } from "./provider.ts";
import { Wording } from "./wording.ts";
import type { Universe } from "./universe.ts";

/** Why there is no solution. */
export interface Failure {
  /** The derivation, numbered where it takes more than one sentence. */
  readonly sentences: readonly string[];
  /** What might help, one sentence each. */
  readonly hints: readonly string[];
  /** The packages and facts that the derivation speaks of, sorted. */
  readonly packages: readonly string[];
  /** Nothing is wrong but that packages do not exist. */
  readonly onlyUnknown: boolean;
}

/** Longer derivations lose their middle: nobody follows a hundred sentences, and a report is not a dump. */
const mostSentences = 24;

/** Puts the derivation of a failure into words, following "Error Reporting" of `doc/solver.md`. */
export function explain(failure: Incompatibility, universe: Universe): Failure {
  const uses = countUses(failure);
  const facts = [...uses.keys()].filter(({ cause }) => cause.kind !== "conflict");
  const sentences = new Derivation(failure, uses, new Wording(universe)).write();
  const names = facts.flatMap(({ cause, terms }) => [
    ...terms.filter(({ about }) => !about.isRoot).map(({ about }) => about.name),
    ...(cause.kind === "dependency" ? [cause.target.name] : []),
  ]);
  const wrong = facts.filter(({ cause }) => cause.kind !== "dependency" && cause.kind !== "root");
  return {
    sentences: numbered(sentences),
    hints: describeHints(facts, universe),
    packages: [...new Set(names)].toSorted(),
    onlyUnknown: wrong.length > 0 && wrong.every(isUnknownPackage),
  };
}

function isUnknownPackage({ cause, terms }: Incompatibility): boolean {
  return cause.kind === "unknown-package" && terms.every(({ about }) => !isFact(about.name));
}

/** How often each incompatibility of the derivation is used in it. */
function countUses(failure: Incompatibility): ReadonlyMap<Incompatibility, number> {
  const uses = new Map<Incompatibility, number>();
  const waiting = [failure];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const before = uses.get(next) ?? 0;
    uses.set(next, before + 1);
    if (before === 0 && next.cause.kind === "conflict") waiting.push(next.cause.other, next.cause.conflict);
  }
  return uses;
}

/** Says the sentences that are kept: the others are never put into words. */
function numbered(sentences: readonly Sentence[]): readonly string[] {
  if (sentences.length === 1) return sentences.map((say) => say());
  const lines = sentences.map((say, at) => () => `${at + 1}. ${say()}`);
  if (lines.length > mostSentences) {
    const leftOut = lines.length - mostSentences;
    lines.splice(mostSentences / 2, leftOut, () => `… ${leftOut} sentences left out …`);
  }
  return lines.map((say) => say());
}

type Sentence = () => string;

class Derivation {
  readonly #failure: Incompatibility;
  readonly #uses: ReadonlyMap<Incompatibility, number>;
  readonly #wording: Wording;
  readonly #sentences: Sentence[] = [];
  readonly #numbers: Map<Incompatibility, number> = new Map();
  /** What is still to be written, the next last: derivations are deeper than a call stack. */
  readonly #tasks: (() => void)[] = [];

  constructor(failure: Incompatibility, uses: ReadonlyMap<Incompatibility, number>, wording: Wording) {
    this.#failure = failure;
    this.#uses = uses;
    this.#wording = wording;
  }

  write(): readonly Sentence[] {
    this.#visit(this.#failure);
    for (let task = this.#tasks.pop(); task !== undefined; task = this.#tasks.pop()) task();
    return this.#sentences;
  }

  #visit(incompatibility: Incompatibility): void {
    const { cause } = incompatibility;
    if (cause.kind !== "conflict") {
      this.#say(incompatibility, "Because", () => this.#wording.clause(incompatibility));
      return;
    }
    const derived = [cause.conflict, cause.other].filter((part) => part.cause.kind === "conflict");
    const [first, second] = derived;
    if (first === undefined)
      this.#say(incompatibility, "Because", () => this.#wording.pair(cause.conflict, cause.other));
    else if (second === undefined) this.#visitMixed(incompatibility, first, factOf(cause));
    else this.#visitDerived(incompatibility, first, second);
  }

  /** Two conclusions. Both were explained before, or one was, or the longer one is explained first. */
  #visitDerived(incompatibility: Incompatibility, first: Incompatibility, second: Incompatibility): void {
    const firstNumber = this.#numbers.get(first);
    const secondNumber = this.#numbers.get(second);
    if (firstNumber !== undefined && secondNumber !== undefined) {
      this.#say(incompatibility, "Because", () => this.#wording.pair(first, second, firstNumber, secondNumber));
    } else if (firstNumber !== undefined || secondNumber !== undefined) {
      const [known, unknown] = firstNumber === undefined ? [second, first] : [first, second];
      this.#next(
        () => this.#visit(unknown),
        () => this.#say(incompatibility, "And because", () => this.#withNumber(known)),
      );
    } else {
      const [one, other] = isSimple(first) ? [second, first] : [first, second];
      const together = isSimple(one) || isSimple(other);
      this.#next(
        () => this.#visit(one),
        () => this.#visit(other),
        () => {
          if (together) this.#sayFrom(incompatibility, one, other);
          else this.#say(incompatibility, "And because", () => this.#withNumber(one));
        },
      );
    }
  }

  /** A conclusion and a fact. A conclusion that is used only here is passed over, and both its facts told at once. */
  #visitMixed(incompatibility: Incompatibility, derived: Incompatibility, fact: Incompatibility): void {
    const number = this.#numbers.get(derived);
    const { cause } = derived;
    if (number !== undefined) {
      this.#say(incompatibility, "Because", () => this.#wording.pair(fact, derived, undefined, number));
    } else if (cause.kind === "conflict" && this.#isPassedOver(derived, cause)) {
      const deeper = cause.conflict.cause.kind === "conflict" ? cause.conflict : cause.other;
      this.#next(
        () => this.#visit(deeper),
        () => this.#say(incompatibility, "And because", () => this.#wording.pair(factOf(cause), fact)),
      );
    } else {
      this.#next(
        () => this.#visit(derived),
        () => this.#say(incompatibility, "And because", () => this.#wording.clause(fact)),
      );
    }
  }

  #isPassedOver(derived: Incompatibility, { conflict, other }: ConflictCause): boolean {
    if (this.#uses.get(derived) !== 1) return false;
    const deeper = [conflict, other].filter((part) => part.cause.kind === "conflict");
    const [only] = deeper;
    return deeper.length === 1 && only !== undefined && !this.#numbers.has(only);
  }

  #say(incompatibility: Incompatibility, lead: "Because" | "And because", reasons: Sentence): void {
    const isLast = incompatibility === this.#failure;
    const start = isLast && this.#sentences.length > 0 ? "So, because" : lead;
    this.#write(incompatibility, () => `${start} ${reasons()}`);
  }

  #sayFrom(incompatibility: Incompatibility, one: Incompatibility, other: Incompatibility): void {
    const numbers = [this.#numbers.get(one), this.#numbers.get(other)].map((number) => `(${number})`);
    this.#write(incompatibility, () => `From ${numbers.join(" and ")}`);
  }

  #write(incompatibility: Incompatibility, reasons: Sentence): void {
    const conclusion = (): string =>
      incompatibility === this.#failure ? "the requirements cannot be met" : this.#wording.clause(incompatibility);
    this.#sentences.push(() => `${reasons()}, ${conclusion()}.`);
    this.#numbers.set(incompatibility, this.#sentences.length);
  }

  #withNumber(incompatibility: Incompatibility): string {
    return `${this.#wording.clause(incompatibility)} (${this.#numbers.get(incompatibility)})`;
  }

  #next(...tasks: readonly (() => void)[]): void {
    this.#tasks.push(...tasks.toReversed());
  }
}

/** The one of the two that is a fact. */
function factOf({ conflict, other }: ConflictCause): Incompatibility {
  return conflict.cause.kind === "conflict" ? other : conflict;
}

/** Concluded from facts alone, so told in one sentence. */
function isSimple({ cause }: Incompatibility): boolean {
  return cause.kind === "conflict" && cause.conflict.cause.kind !== "conflict" && cause.other.cause.kind !== "conflict";
}
