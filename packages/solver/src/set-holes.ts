import { compareVersions } from "@cpm/model";
import type { Version } from "@cpm/model";
import type { Listing } from "./listing.ts";
import { VersionSet } from "./version-set.ts";
import type { Cut } from "./version-set.ts";

/** The set with those gaps closed in which nothing was published: adjacent ranges, merged. */
export function withoutHoles(set: VersionSet, listing: Listing): VersionSet {
  const versions = listing.entries.map(({ version }) => version);
  return new VersionSet(
    closeHoles(
      set.releases,
      versions.filter(({ prerelease }) => prerelease.length === 0),
    ),
    closeHoles(
      set.prereleases,
      versions.filter(({ prerelease }) => prerelease.length > 0),
    ),
  );
}

function closeHoles(cuts: readonly Cut[], versions: readonly Version[]): readonly Cut[] {
  const kept: Cut[] = [];
  for (const [at, cut] of cuts.entries()) {
    const last = kept.at(-1);
    const opensAgain = at % 2 === 0 && last !== undefined;
    if (opensAgain && !versions.some((version) => liesBetween(version, last, cut))) kept.pop();
    else kept.push(cut);
  }
  return kept;
}

function liesBetween(version: Version, from: Cut, to: Cut): boolean {
  return compareVersions(from, version) <= 0 && compareVersions(version, to) < 0;
}
