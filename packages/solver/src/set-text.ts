import { compareVersions } from "@cpm/model";
import type { Precedence } from "@cpm/model";
import type { Listing } from "./listing.ts";
import { withoutHoles } from "./set-holes.ts";
import { exactly, releaseCut } from "./version-set.ts";
import type { Cut, VersionSet } from "./version-set.ts";

interface Interval {
  readonly from: Cut;
  readonly to: Cut | undefined;
}

/**
 * A set as a range that a person would write. Bounds are put at versions that exist where there are such (`>1.0.0`
 * rather than `>=1.0.1`), and intervals between which nothing was published become one. Exact for the versions of the
 * listing, and for all releases where there is none.
 */
export function formatSet(set: VersionSet, listing: Listing | undefined): string {
  const { releases, prereleases } = listing === undefined ? set : withoutHoles(set, listing);
  const releaseIntervals = intervals(releases);
  const prereleaseIntervals = intervals(prereleases);
  const texts = releaseIntervals.map((interval) => releaseText(interval, prereleaseIntervals, listing));
  const apart = prereleaseIntervals.filter((interval) => !releaseIntervals.some((other) => covers(other, interval)));
  const all = [...texts, ...apart.flatMap(prereleaseTexts)];
  return all.length === 0 ? "no version" : all.join(" || ");
}

function releaseText(interval: Interval, prereleases: readonly Interval[], listing: Listing | undefined): string {
  const { from, to } = interval;
  const lower = prereleases.find((other) => isPrereleaseOf(other.from, from) && !isFirst(other.from))?.from;
  const upper = prereleases.find((other) => to !== undefined && other.to !== undefined && isPrereleaseOf(other.to, to));
  const upperCut = upper?.to !== undefined && !isFirst(upper.to) ? upper.to : undefined;
  if (to !== undefined && lower === undefined && isNext(from, to)) return cutText(from);
  const lowest = lower ?? from;
  if (to !== undefined && upperCut === undefined && isCaretEnd(from, to)) return `^${cutText(lowest)}`;
  const start = isZero(lowest) ? "" : lower === undefined ? lowerText(from, listing) : `>=${cutText(lower)}`;
  const end = to === undefined ? "" : upperCut === undefined ? upperText(to, listing) : `<${cutText(upperCut)}`;
  return `${start} ${end}`.trim() || "*";
}

function lowerText(from: Cut, listing: Listing | undefined): string {
  const before = previous(from);
  return before !== undefined && onlySecondExists(listing, from, before) ? `>${cutText(before)}` : `>=${cutText(from)}`;
}

function upperText(to: Cut, listing: Listing | undefined): string {
  const before = previous(to);
  return before !== undefined && onlySecondExists(listing, to, before) ? `<=${cutText(before)}` : `<${cutText(to)}`;
}

function onlySecondExists(listing: Listing | undefined, first: Cut, second: Cut): boolean {
  return listing?.hasAny(exactly(first)) === false && listing.hasAny(exactly(second));
}

/**
 * As one range prereleases of several versions would hold the releases between them, which are not in the set. So those
 * of the first version and of the last are written, and those of versions in between are left out.
 */
function prereleaseTexts({ from, to }: Interval): readonly string[] {
  const own = releaseCut(from);
  if (to === undefined || compareVersions(to, own) <= 0) return [prereleaseText({ from, to })];
  const first = { from, to: own };
  const last = { from: { ...releaseCut(to), prerelease: [0] }, to };
  return [first, last].filter((part) => compareVersions(part.from, part.to) < 0).map(prereleaseText);
}

function prereleaseText({ from, to }: Interval): string {
  if (to === undefined) return `>=${cutText(from)}`;
  if (compareVersions(to, { ...from, prerelease: [...from.prerelease, 0] }) === 0) return cutText(from);
  const end = isFirst(to) ? (previous(releaseCut(to)) ?? to) : to;
  return `>=${cutText(from)} <${cutText(end)}`;
}

/** Whether the prereleases lie among the releases, so that the text of those says it all. */
function covers(release: Interval, { from, to }: Interval): boolean {
  if (compareVersions(releaseCut(from), release.from) < 0) return false;
  if (release.to === undefined) return true;
  return to !== undefined && compareVersions(from, release.to) < 0;
}

function intervals(cuts: readonly Cut[]): readonly Interval[] {
  return cuts.flatMap((from, at) => (at % 2 === 0 ? [{ from, to: cuts[at + 1] }] : []));
}

function isCaretEnd(from: Cut, to: Cut): boolean {
  const end =
    from.major > 0
      ? { major: from.major + 1, minor: 0, patch: 0, prerelease: [] }
      : { major: 0, minor: from.minor + 1, patch: 0, prerelease: [] };
  return (from.major > 0 || from.minor > 0) && compareVersions(to, end) === 0;
}

function isPrereleaseOf(cut: Cut, release: Cut): boolean {
  return compareVersions(releaseCut(cut), release) === 0;
}

/** A cut before all prereleases of its release. */
function isFirst({ prerelease }: Cut): boolean {
  return prerelease.length === 1 && prerelease[0] === 0;
}

function isNext(from: Cut, to: Cut): boolean {
  return compareVersions({ ...from, patch: from.patch + 1 }, to) === 0;
}

function isZero({ major, minor, patch, prerelease }: Cut): boolean {
  return major === 0 && minor === 0 && patch === 0 && prerelease.length === 0;
}

function previous(cut: Cut): Cut | undefined {
  return cut.patch === 0 ? undefined : { ...cut, patch: cut.patch - 1 };
}

function cutText({ major, minor, patch, prerelease }: Precedence): string {
  return `${major}.${minor}.${patch}${prerelease.length === 0 ? "" : `-${prerelease.join(".")}`}`;
}
