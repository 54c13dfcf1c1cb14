import type { Range, Version } from "@cpm/model";
import { Listing } from "./listing.ts";
import type { Requirement, SolveOptions } from "./options.ts";
import { PackageState } from "./package-state.ts";
import { isPending } from "./provider.ts";
import type { Candidate, Dependency, Provider, Unusable } from "./provider.ts";
import { toVersionSet } from "./version-set.ts";
import type { VersionSet } from "./version-set.ts";

const rootName = "";

/** What this resolution knows so far: each package once, each range once, each question asked once. */
export class Universe {
  readonly root: PackageState;
  readonly rootVersion: Version;
  readonly provider: Provider;
  readonly #options: SolveOptions;
  readonly #packages: Map<string, PackageState> = new Map();
  readonly #sets: Map<string, VersionSet> = new Map();
  readonly #pins: ReadonlyMap<string, readonly Version[]>;

  constructor(requirements: readonly Requirement[], provider: Provider, options: SolveOptions) {
    this.provider = provider;
    this.#options = options;
    this.rootVersion = options.self?.version ?? nameless;
    this.root = new PackageState(options.self?.name ?? rootName, undefined, true);
    this.#packages.set(this.root.name, this.root);
    this.#pins = pinsOf(requirements);
  }

  package(name: string): PackageState {
    let found = this.#packages.get(name);
    if (found === undefined) {
      const { locked, update } = this.#options;
      const updated = update?.has(name) === true;
      found = new PackageState(name, updated ? undefined : locked?.get(name), false);
      if (updated) found.turn = "early";
      this.#packages.set(name, found);
    }
    return found;
  }

  set(range: Range): VersionSet {
    let found = this.#sets.get(range.text);
    if (found === undefined) {
      found = toVersionSet(range);
      this.#sets.set(range.text, found);
    }
    return found;
  }

  /** How a manifest wrote this set, where one did; the shortest way of several. */
  textOf(set: VersionSet): string | undefined {
    const texts = [...this.#sets].filter(([, known]) => known.equals(set)).map(([text]) => text);
    return texts.toSorted((left, right) => left.length - right.length || (left < right ? -1 : 1))[0];
  }

  /** The names that are known to exist, for "did you mean". */
  published(): readonly string[] {
    const all = [...this.#packages.values()];
    return all.filter(({ listing }) => listing !== undefined && listing !== "missing").map(({ name }) => name);
  }

  title({ name }: PackageState): string {
    return this.provider.title?.(name) ?? name.replace(/^@/, "");
  }

  /** What is the case in place of a fact that does not hold; undefined where the provider has no words for it. */
  missing({ name }: PackageState): string | undefined {
    return this.provider.missing?.(name);
  }

  isUpdated(about: PackageState): boolean {
    return this.#options.update?.has(about.name) === true;
  }

  /** Lists the package; the promise, where one must be waited for. */
  list(about: PackageState): PromiseLike<void> | undefined {
    if (about.listing !== undefined) return undefined;
    const answer = this.provider.versions(about.name);
    if (isPending(answer)) return answer.then((candidates) => this.#setListing(about, candidates));
    this.#setListing(about, answer);
    return undefined;
  }

  /** Learns what a version needs; the promise, where one must be waited for. */
  learn(about: PackageState, version: Version): PromiseLike<void> | undefined {
    if (about.dependenciesOf(version) !== undefined) return undefined;
    const answer = this.provider.dependencies(about.name, version);
    if (isPending(answer)) return answer.then((facts) => void about.learned.set(version.text, facts));
    about.learned.set(version.text, answer);
    return undefined;
  }

  /** The version to try next; undefined when none fits, or none is known because the package is not listed yet. */
  choose(about: PackageState, set: VersionSet): Version | undefined {
    if (about.isRoot) return this.rootVersion;
    if (about.locked !== undefined && set.has(about.locked)) return about.locked;
    if (about.listing === undefined || about.listing === "missing") return undefined;
    return this.#options.prefer === "oldest" ? about.listing.lowest(set) : about.listing.highest(set);
  }

  /** How many versions could be chosen. A locked version that fits is the only one that is thought of. */
  count(about: PackageState, set: VersionSet): number {
    if (about.isRoot || (about.locked !== undefined && set.has(about.locked))) return 1;
    return about.listing === undefined || about.listing === "missing" ? 0 : about.listing.count(set);
  }

  #setListing(about: PackageState, candidates: readonly Candidate[] | undefined): void {
    if (candidates === undefined) {
      about.listing = "missing";
      return;
    }
    about.listing = new Listing(candidates, {
      exempt: this.#options.locked?.get(about.name),
      pinned: this.#pins.get(about.name) ?? [],
      minimumAge: about.name.startsWith("@") ? undefined : this.#options.minimumAge,
    });
  }
}

const nameless: Version = { text: "0.0.0", major: 0, minor: 0, patch: 0, prerelease: [], build: [] };

/** By name, then by range, so that nothing depends on the order in which they were written. */
export function inOrder<T extends Dependency>(dependencies: readonly T[]): readonly T[] {
  if (dependencies.length < 2) return dependencies;
  return dependencies.toSorted((left, right) => {
    if (left.name !== right.name) return left.name < right.name ? -1 : 1;
    return left.range.text < right.range.text ? -1 : left.range.text > right.range.text ? 1 : 0;
  });
}

export function isUnusable(facts: readonly Dependency[] | Unusable): facts is Unusable {
  return "unusable" in facts;
}

function pinsOf(requirements: readonly Requirement[]): ReadonlyMap<string, readonly Version[]> {
  const pins = new Map<string, Version[]>();
  for (const { name, range } of requirements) {
    const [alternative, ...others] = range.alternatives;
    const [comparator, ...more] = alternative ?? [];
    if (others.length > 0 || more.length > 0 || comparator?.operator !== "=") continue;
    pins.set(name, [...(pins.get(name) ?? []), comparator.version]);
  }
  return pins;
}
