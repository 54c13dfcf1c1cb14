import { compareVersions } from "@cpm/model";
import type { Comparator, Precedence, Range, Version } from "@cpm/model";

/**
 * A place in the order of versions, just before the version that it names. Sets need no other kind: the next release
 * after 1.2.3 is 1.2.4, and the next prerelease after 1.2.3-rc is 1.2.3-rc.0, so "after" is "before the next".
 */
export type Cut = Precedence;

/** Sorted disjoint intervals as the cuts between in and out: the first opens, the second closes, and so on. */
type Cuts = readonly Cut[];

/** How one set lies to another. The empty set is a subset. */
export type Relation = "subset" | "disjoint" | "overlapping";

/**
 * A set of versions, closed under complement, union and intersection. node-semver's rule for prereleases cannot be
 * said by intervals of the one order of versions ("every release from 1.0.0, but of the prereleases only those of
 * 2.0.0"), so a set holds two lists: the intervals that releases are looked up in, and those for prereleases.
 * Lists are in their shortest form, so that equal sets have equal lists. Immutable.
 */
export class VersionSet {
  readonly releases: Cuts;
  readonly prereleases: Cuts;

  constructor(releases: Cuts, prereleases: Cuts) {
    this.releases = releases;
    this.prereleases = prereleases;
  }

  get isEmpty(): boolean {
    return this.releases.length === 0 && this.prereleases.length === 0;
  }

  has(version: Precedence): boolean {
    return isInside(version.prerelease.length === 0 ? this.releases : this.prereleases, version);
  }

  complement(): VersionSet {
    return new VersionSet(invert(this.releases, firstRelease), invert(this.prereleases, firstPrerelease));
  }

  union(other: VersionSet): VersionSet {
    return this.#combine(other, (left, right) => left || right);
  }

  intersection(other: VersionSet): VersionSet {
    return this.#combine(other, (left, right) => left && right);
  }

  difference(other: VersionSet): VersionSet {
    return this.#combine(other, (left, right) => left && !right);
  }

  isSubsetOf(other: VersionSet): boolean {
    return this.relationTo(other) === "subset";
  }

  isDisjointFrom(other: VersionSet): boolean {
    return this.isEmpty || this.relationTo(other) === "disjoint";
  }

  equals(other: VersionSet): boolean {
    return this === other || (same(this.releases, other.releases) && same(this.prereleases, other.prereleases));
  }

  relationTo(other: VersionSet): Relation {
    if (this === other) return "subset";
    const releases = overlap(this.releases, other.releases);
    if (releases === common + rest) return "overlapping";
    const both = releases | overlap(this.prereleases, other.prereleases);
    if (both === common + rest) return "overlapping";
    return (both & rest) === 0 ? "subset" : "disjoint";
  }

  /** The lowest version of the set; undefined for the empty one. */
  lowest(): Cut | undefined {
    const [release] = this.releases;
    const [prerelease] = this.prereleases;
    if (release === undefined || prerelease === undefined) return release ?? prerelease;
    return compareVersions(release, prerelease) < 0 ? release : prerelease;
  }

  #combine(other: VersionSet, keep: (left: boolean, right: boolean) => boolean): VersionSet {
    return new VersionSet(
      combine(this.releases, other.releases, keep),
      combine(this.prereleases, other.prereleases, keep),
    );
  }
}

const firstRelease: Cut = { major: 0, minor: 0, patch: 0, prerelease: [] };
const firstPrerelease: Cut = { major: 0, minor: 0, patch: 0, prerelease: [0] };

export const noVersions: VersionSet = new VersionSet([], []);
/** Prereleases too: what is true of a package as a whole. */
export const everyVersion: VersionSet = new VersionSet([firstRelease], [firstPrerelease]);

/** The set that holds this version only; builds of one version are one version. */
export function exactly(version: Precedence): VersionSet {
  const cuts = [cutBefore(version), cutAfter(version)];
  return version.prerelease.length === 0 ? new VersionSet(cuts, []) : new VersionSet([], cuts);
}

/** Every release and prerelease from `from` on and before `to`; an open end is undefined. */
export function between(from: Precedence | undefined, to: Precedence | undefined): VersionSet {
  return new VersionSet(
    interval(from === undefined ? firstRelease : releaseCut(from), to === undefined ? undefined : releaseCut(to)),
    interval(
      from === undefined ? firstPrerelease : prereleaseCut(from),
      to === undefined ? undefined : prereleaseCut(to),
    ),
  );
}

/** What `satisfies` of the model takes. */
export function toVersionSet(range: Range): VersionSet {
  return range.alternatives.map(alternativeSet).reduce((left, right) => left.union(right), noVersions);
}

/** The same range if prereleases were allowed everywhere: for saying what was left out, never for choosing. */
export function withPrereleases(set: VersionSet): VersionSet {
  return new VersionSet(
    set.releases,
    combine(set.prereleases, set.releases.map(firstOfTriple), (a, b) => a || b),
  );
}

/** The place of a version among releases: a prerelease lies before its own release. */
export function releaseCut({ major, minor, patch }: Precedence): Cut {
  return { major, minor, patch, prerelease: [] };
}

function alternativeSet(comparators: readonly Comparator[]): VersionSet {
  let set = everyVersion;
  let named = noVersions;
  for (const comparator of comparators) {
    set = set.intersection(comparatorSet(comparator));
    if (comparator.version.prerelease.length > 0) named = named.union(tripleOf(comparator.version));
  }
  return new VersionSet(set.releases, set.intersection(named).prereleases);
}

function comparatorSet({ operator, version }: Comparator): VersionSet {
  if (operator === "=") return exactly(version);
  if (operator === ">=") return between(version, undefined);
  if (operator === "<") return between(undefined, version);
  return operator === ">" ? upTo(version).complement() : upTo(version);
}

function upTo(version: Version): VersionSet {
  return between(undefined, version).union(exactly(version));
}

/** Every prerelease of one major.minor.patch. */
function tripleOf(version: Version): VersionSet {
  return new VersionSet([], interval(firstOfTriple(version), firstOfTriple(nextRelease(version))));
}

/** The place of a version among prereleases: a release lies behind all of its own. */
function prereleaseCut(version: Precedence): Cut {
  return version.prerelease.length > 0 ? cutBefore(version) : firstOfTriple(nextRelease(version));
}

function cutBefore({ major, minor, patch, prerelease }: Precedence): Cut {
  return { major, minor, patch, prerelease };
}

function cutAfter(version: Precedence): Cut {
  if (version.prerelease.length === 0) return nextRelease(version);
  return { ...cutBefore(version), prerelease: [...version.prerelease, 0] };
}

function nextRelease({ major, minor, patch }: Precedence): Cut {
  return { major, minor, patch: patch + 1, prerelease: [] };
}

function firstOfTriple({ major, minor, patch }: Precedence): Cut {
  return { major, minor, patch, prerelease: [0] };
}

function interval(from: Cut, to: Cut | undefined): Cuts {
  if (to === undefined) return [from];
  return compareVersions(from, to) < 0 ? [from, to] : [];
}

/** Whether an odd number of cuts lies at or before the version. */
function isInside(cuts: Cuts, version: Precedence): boolean {
  let low = 0;
  let high = cuts.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const cut = cuts[middle];
    if (cut !== undefined && compareVersions(cut, version) <= 0) low = middle + 1;
    else high = middle;
  }
  return (low & 1) === 1;
}

function invert(cuts: Cuts, first: Cut): Cuts {
  const [lowest] = cuts;
  return lowest !== undefined && compareVersions(lowest, first) === 0 ? cuts.slice(1) : [first, ...cuts];
}

function combine(left: Cuts, right: Cuts, keep: (left: boolean, right: boolean) => boolean): Cuts {
  const cuts: Cut[] = [];
  let atLeft = 0;
  let atRight = 0;
  let inside = false;
  for (;;) {
    const leftCut = left[atLeft];
    const rightCut = right[atRight];
    const cut = lower(leftCut, rightCut);
    if (cut === undefined) return cuts;
    const order = leftCut === undefined ? 1 : rightCut === undefined ? -1 : compareVersions(leftCut, rightCut);
    if (order <= 0) atLeft++;
    if (order >= 0) atRight++;
    if (keep((atLeft & 1) === 1, (atRight & 1) === 1) !== inside) {
      cuts.push(cut);
      inside = !inside;
    }
  }
}

function lower(left: Cut | undefined, right: Cut | undefined): Cut | undefined {
  if (left === undefined || right === undefined) return left ?? right;
  return compareVersions(left, right) <= 0 ? left : right;
}

const common = 1;
const rest = 2;

/** Bits: `common` when the two share a version, `rest` when the left one has a version that the right one has not. */
function overlap(left: Cuts, right: Cuts): number {
  if (left.length === 0) return 0;
  if (right.length === 0) return rest;
  let atLeft = 0;
  let atRight = 0;
  let found = 0;
  for (;;) {
    const leftCut = left[atLeft];
    const rightCut = right[atRight];
    if (leftCut === undefined && rightCut === undefined) return found;
    const order = leftCut === undefined ? 1 : rightCut === undefined ? -1 : compareVersions(leftCut, rightCut);
    if (order <= 0) atLeft++;
    if (order >= 0) atRight++;
    if ((atLeft & 1) === 1) found |= (atRight & 1) === 1 ? common : rest;
    if (found === common + rest) return found;
  }
}

function same(left: Cuts, right: Cuts): boolean {
  if (left.length !== right.length) return false;
  return left.every((cut, at) => {
    const other = right[at];
    return other !== undefined && compareVersions(cut, other) === 0;
  });
}
