import type { Range, Version } from "@cpm/model";

/** An answer, or a promise of it where the fact is not there yet. The solver waits only for promises. */
export type Answer<T> = T | PromiseLike<T>;

/**
 * Where the solver learns facts; it does no I/O of its own. Names are any text. A name that begins with `@` is not a
 * package but a fact about the world (`@colonyos`, `@executor/container-executor`, `@release/web`): it is listed and
 * resolved in the same way, and only the sentences of a failure word it differently.
 *
 * Answers must be the same each time they are asked for, in any order: a solver asks for each at most once.
 */
export interface Provider {
  /** All versions, yanked ones too, in any order; undefined when there is no such package or fact. */
  versions(name: string): Answer<readonly Candidate[] | undefined>;

  /**
   * What a version needs. Asked only for candidates that were listed without `dependencies`. A version that cannot be
   * used says why, in words that follow "because it".
   */
  dependencies(name: string, version: Version): Answer<readonly Dependency[] | Unusable>;

  /**
   * The lowest number is decided first; `fitting` versions are left. Default: that number, so that a conflict shows
   * early. Changes how soon a solution is found, and which of several, never whether.
   */
  prioritise?(name: string, fitting: number): number;

  /** How a failure calls the package or fact. Default: its name, without the `@`. */
  title?(name: string): string;

  /** How a failure says that a fact does not hold, after "but". Default: "there is no" with its title. */
  missing?(name: string): string;

  /** Asked before every decision; true ends the search with `solver/cancelled`. */
  cancel?(): boolean;
}

export interface Candidate {
  readonly version: Version;
  /** Chosen only when it is locked or exactly pinned by a requirement. */
  readonly yanked?: boolean;
  /** Why, for a failure to tell. */
  readonly yankReason?: string;
  /** Compared with the minimum age, where one is asked for. */
  readonly publishedAtMs?: number;
  /** What it needs, where the listing knows already: then neighbours with the same need are ruled out in one step. */
  readonly dependencies?: readonly Dependency[];
}

export interface Dependency {
  readonly name: string;
  readonly range: Range;
}

export interface Unusable {
  readonly unusable: string;
}

/** Why a version that fits a range is not chosen. */
export type Exclusion =
  | { readonly reason: "yanked"; readonly said?: string }
  | { readonly reason: "too-young"; readonly ageMs: number; readonly minimumMs: number }
  | { readonly reason: "unknown-age" }
  | { readonly reason: "pre-release" };

export function isPending<T>(answer: Answer<T>): answer is PromiseLike<T> {
  return typeof (answer as Partial<PromiseLike<T>> | undefined)?.then === "function";
}

export function isFact(name: string): boolean {
  return name.startsWith("@");
}
