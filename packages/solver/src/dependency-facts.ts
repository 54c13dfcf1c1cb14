import type { Version } from "@cpm/model";
import { Incompatibility } from "./incompatibility.ts";
import type { DependencyCause } from "./incompatibility.ts";
import type { Requirement } from "./options.ts";
import type { PackageState } from "./package-state.ts";
import type { Candidate, Dependency } from "./provider.ts";
import type { Term } from "./term.ts";
import { inOrder, isUnusable } from "./universe.ts";
import type { Universe } from "./universe.ts";
import { between, exactly } from "./version-set.ts";
import type { VersionSet } from "./version-set.ts";

/** The requirements to be resolved, as what the root needs. */
export function requirementFacts(universe: Universe, requirements: readonly Requirement[]): readonly Incompatibility[] {
  const { root } = universe;
  const depender: Term = { about: root, positive: true, set: exactly(universe.rootVersion) };
  const sorted = requirements.toSorted((left, right) => (left.from < right.from ? -1 : 1));
  return inOrder(sorted).flatMap(({ name, range, from }) => {
    const target = universe.package(name);
    return dependencyFact({ kind: "dependency", from, depender, target, targetSet: universe.set(range) }) ?? [];
  });
}

/**
 * What follows from choosing this version that is not known yet. A need that neighbouring versions share, as far as
 * their needs are known, becomes one incompatibility with the whole stretch: then one conflict rules all of them out,
 * and a failure speaks of `<1.1.0` and not of seven versions.
 */
export function dependencyFacts(universe: Universe, about: PackageState, version: Version): readonly Incompatibility[] {
  if (about.takenWhole.has(version.text)) return [];
  const needs = about.dependenciesOf(version);
  if (needs === undefined) throw new TypeError(`the dependencies of ${about.name} ${version.text} are not known`);
  if (isUnusable(needs)) {
    const term: Term = { about, positive: true, set: exactly(version) };
    return [new Incompatibility([term], { kind: "unusable", reason: needs.unusable })];
  }
  about.takenWhole.add(version.text);
  return inOrder(needs).flatMap((dependency) => {
    const earlier = about.taken.get(keyOf(dependency));
    if (earlier !== undefined && dependerOf(earlier)?.set.has(version) === true) return [];
    return takeDependency(universe, about, dependency, stretch(about, version, dependency), earlier);
  });
}

/** The same for versions that were taken before their package was listed: now their neighbours are known. */
export function widenedFacts(universe: Universe, about: PackageState): readonly Incompatibility[] {
  const versions = [...about.takenAlone];
  about.takenAlone.clear();
  return versions.flatMap((version) => {
    const needs = about.dependenciesOf(version);
    if (needs === undefined || isUnusable(needs)) return [];
    return inOrder(needs).flatMap((dependency) => {
      const earlier = about.taken.get(keyOf(dependency));
      const set = stretch(about, version, dependency);
      const known = earlier === undefined ? undefined : dependerOf(earlier);
      if (known !== undefined && set.isSubsetOf(known.set)) return [];
      return takeDependency(universe, about, dependency, set, earlier);
    });
  });
}

function takeDependency(
  universe: Universe,
  about: PackageState,
  dependency: Dependency,
  set: VersionSet,
  earlier: Incompatibility | undefined,
): readonly Incompatibility[] {
  const target = universe.package(dependency.name);
  const known = earlier === undefined ? undefined : dependerOf(earlier)?.set;
  const joined = known === undefined ? undefined : joinedWith(known, set);
  if (joined !== undefined && earlier !== undefined) earlier.superseded = true;
  const fact = dependencyFact({
    kind: "dependency",
    from: undefined,
    depender: { about, positive: true, set: joined ?? set },
    target,
    targetSet: universe.set(dependency.range),
  });
  if (fact === undefined) return [];
  about.taken.set(keyOf(dependency), fact);
  return [fact];
}

/** Undefined where nothing follows: a version that needs its own package, in a range that it fits itself. */
function dependencyFact(cause: DependencyCause): Incompatibility | undefined {
  const { depender, target, targetSet } = cause;
  if (target === depender.about) {
    const set = depender.set.difference(targetSet);
    return set.isEmpty ? undefined : new Incompatibility([{ ...depender, set }], cause);
  }
  const terms: readonly Term[] = targetSet.isEmpty
    ? [depender]
    : [depender, { about: target, positive: false, set: targetSet }];
  return new Incompatibility(terms, cause);
}

/** The versions around this one that are known to have the same need. */
function stretch(about: PackageState, version: Version, dependency: Dependency): VersionSet {
  const { listing } = about;
  if (listing === undefined || listing === "missing") return exactly(version);
  const { entries } = listing;
  const at = listing.indexOf(version);
  if (at === -1) return exactly(version);
  let first = at;
  let last = at;
  while (needs(about, entries[first - 1], dependency)) first--;
  while (needs(about, entries[last + 1], dependency)) last++;
  return between(first === 0 ? undefined : entries[first]?.version, entries[last + 1]?.version);
}

function needs(about: PackageState, entry: Candidate | undefined, { name, range }: Dependency): boolean {
  if (entry === undefined) return false;
  const known = entry.dependencies ?? about.learned.get(entry.version.text);
  if (known === undefined || isUnusable(known)) return false;
  return known.some((other) => other.name === name && other.range.text === range.text);
}

/** Both stretches as one where they touch; undefined where versions lie between them. */
function joinedWith(left: VersionSet, right: VersionSet): VersionSet | undefined {
  const joined = left.union(right);
  return joined.releases.length <= 2 && joined.prereleases.length <= 2 ? joined : undefined;
}

function dependerOf({ cause }: Incompatibility): Term | undefined {
  return cause.kind === "dependency" ? cause.depender : undefined;
}

function keyOf({ name, range }: Dependency): string {
  return `${name} ${range.text}`;
}
