import { compareVersions } from "@cpm/model";
import type { Precedence, Version } from "@cpm/model";
import type { LeftOut } from "./incompatibility.ts";
import type { Candidate, Exclusion } from "./provider.ts";
import { withPrereleases } from "./version-set.ts";
import type { Cut, VersionSet } from "./version-set.ts";

/** Which candidates may be chosen, decided once when a package is listed. */
export interface Policy {
  /** Versions that yanking and age do not exclude: the locked one. */
  readonly exempt: Version | undefined;
  /** Versions that a requirement pins exactly: yanking does not exclude them, age does. */
  readonly pinned: readonly Version[];
  readonly minimumAge: MinimumAge | undefined;
}

export interface MinimumAge {
  readonly minimumMs: number;
  /** The time that ages are counted from; the solver has no clock. */
  readonly nowMs: number;
}

/** A package's versions in order. */
export class Listing {
  readonly entries: readonly Candidate[];
  /** The few that may not be chosen. */
  readonly #exclusions: Map<Candidate, Exclusion> = new Map();
  readonly #releases: Version[] = [];
  readonly #prereleases: Version[] = [];

  constructor(candidates: readonly Candidate[], policy: Policy) {
    this.entries = withoutTwins(candidates);
    for (const candidate of this.entries) {
      const exclusion = exclusionOf(candidate, policy);
      if (exclusion !== undefined) this.#exclusions.set(candidate, exclusion);
      else if (candidate.version.prerelease.length > 0) this.#prereleases.push(candidate.version);
      else this.#releases.push(candidate.version);
    }
  }

  /** How many versions of the set may be chosen. */
  count(set: VersionSet): number {
    return countWithin(this.#releases, set.releases) + countWithin(this.#prereleases, set.prereleases);
  }

  highest(set: VersionSet): Version | undefined {
    const release = lastWithin(this.#releases, set.releases);
    const prerelease = lastWithin(this.#prereleases, set.prereleases);
    if (release === undefined || prerelease === undefined) return release ?? prerelease;
    return compareVersions(release, prerelease) > 0 ? release : prerelease;
  }

  lowest(set: VersionSet): Version | undefined {
    const release = firstWithin(this.#releases, set.releases);
    const prerelease = firstWithin(this.#prereleases, set.prereleases);
    if (release === undefined || prerelease === undefined) return release ?? prerelease;
    return compareVersions(release, prerelease) < 0 ? release : prerelease;
  }

  /** The place of a version among the entries; -1 when it is not published. */
  indexOf(version: Version): number {
    const at = countBelow(this.entries, version, ({ version: other }) => other);
    const entry = this.entries[at];
    return entry !== undefined && compareVersions(entry.version, version) === 0 ? at : -1;
  }

  /** Whether any version, usable or not, lies in the set. */
  hasAny(set: VersionSet): boolean {
    return this.entries.some(({ version }) => set.has(version));
  }

  hasOnly(set: VersionSet): boolean {
    return this.entries.every(({ version }) => set.has(version));
  }

  /** Newest first: versions of the set that may not be chosen, and prereleases that a range might have named. */
  leftOut(set: VersionSet): readonly LeftOut[] {
    const wider = withPrereleases(set);
    const found: LeftOut[] = [];
    for (const entry of this.entries.toReversed()) {
      const { version } = entry;
      const exclusion = this.#exclusions.get(entry);
      if (set.has(version)) {
        if (exclusion !== undefined) found.push({ version: version.text, exclusion });
      } else if (exclusion === undefined && version.prerelease.length > 0 && wider.has(version)) {
        found.push({ version: version.text, exclusion: { reason: "pre-release" } });
      }
    }
    return found;
  }
}

/** Sorted; of versions that differ by their build only, which are one version to semver, the last by text stays. */
function withoutTwins(candidates: readonly Candidate[]): readonly Candidate[] {
  if (isAscending(candidates)) return candidates;
  const sorted = candidates.toSorted(
    (left, right) =>
      compareVersions(left.version, right.version) ||
      Number(right.yanked === true) - Number(left.yanked === true) ||
      (left.version.text < right.version.text ? -1 : 1),
  );
  return sorted.filter((candidate, at) => {
    const next = sorted[at + 1];
    return next === undefined || compareVersions(candidate.version, next.version) !== 0;
  });
}

function isAscending(candidates: readonly Candidate[]): boolean {
  return candidates.every(({ version }, at) => {
    const next = candidates[at + 1];
    return next === undefined || compareVersions(version, next.version) < 0;
  });
}

function exclusionOf(candidate: Candidate, { exempt, pinned, minimumAge }: Policy): Exclusion | undefined {
  const { version, yanked, yankReason, publishedAtMs } = candidate;
  if (exempt !== undefined && compareVersions(exempt, version) === 0) return undefined;
  if (yanked === true && !pinned.some((pin) => compareVersions(pin, version) === 0))
    return { reason: "yanked", ...(yankReason === undefined ? {} : { said: yankReason }) };
  if (minimumAge === undefined) return undefined;
  if (publishedAtMs === undefined) return { reason: "unknown-age" };
  const ageMs = minimumAge.nowMs - publishedAtMs;
  const { minimumMs } = minimumAge;
  return ageMs < minimumMs ? { reason: "too-young", ageMs, minimumMs } : undefined;
}

function countWithin(versions: readonly Version[], cuts: readonly Cut[]): number {
  let count = 0;
  for (let at = 0; at < cuts.length; at += 2) count += endOf(versions, cuts[at + 1]) - startOf(versions, cuts[at]);
  return count;
}

function lastWithin(versions: readonly Version[], cuts: readonly Cut[]): Version | undefined {
  for (let at = (cuts.length - 1) & ~1; at >= 0; at -= 2) {
    const end = endOf(versions, cuts[at + 1]);
    if (end > startOf(versions, cuts[at])) return versions[end - 1];
  }
  return undefined;
}

function firstWithin(versions: readonly Version[], cuts: readonly Cut[]): Version | undefined {
  for (let at = 0; at < cuts.length; at += 2) {
    const start = startOf(versions, cuts[at]);
    if (endOf(versions, cuts[at + 1]) > start) return versions[start];
  }
  return undefined;
}

function startOf(versions: readonly Version[], cut: Cut | undefined): number {
  return cut === undefined ? versions.length : countBelow(versions, cut, (version) => version);
}

function endOf(versions: readonly Version[], cut: Cut | undefined): number {
  return cut === undefined ? versions.length : countBelow(versions, cut, (version) => version);
}

function countBelow<T>(sorted: readonly T[], cut: Cut, versionOf: (item: T) => Precedence): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const item = sorted[middle];
    if (item !== undefined && compareVersions(versionOf(item), cut) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
