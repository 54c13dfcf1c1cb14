import { nearest } from "@cpm/base";
import type { Incompatibility, LeftOut } from "./incompatibility.ts";
import { isFact } from "./provider.ts";
import type { Universe } from "./universe.ts";

/** Of one package, so many versions that would fit are named. */
const mostNamed = 2;
const mostHints = 8;

/** What might help, read off the reasons in a derivation; sorted, without doubles. */
export function describeHints(facts: readonly Incompatibility[], universe: Universe): readonly string[] {
  const hints = facts.flatMap(({ cause, terms }) => {
    const [term] = terms;
    if (term === undefined) return [];
    const title = universe.title(term.about);
    if (cause.kind === "unknown-package") return spelling(term.about.name, universe);
    return cause.kind === "no-versions" ? namedOf(cause.leftOut).map((version) => leftOutHint(title, version)) : [];
  });
  return [...new Set(hints)].toSorted().slice(0, mostHints);
}

/** The newest for each reason, so that a yanked version does not hide a young one. */
function namedOf(leftOut: readonly LeftOut[]): readonly LeftOut[] {
  const newest = leftOut.filter(
    ({ exclusion }, at) => leftOut.findIndex((other) => other.exclusion.reason === exclusion.reason) === at,
  );
  return newest.slice(0, mostNamed);
}

function leftOutHint(title: string, { version, exclusion }: LeftOut): string {
  if (exclusion.reason === "yanked") {
    const state = exclusion.said === undefined ? "is yanked" : `was yanked: ${exclusion.said.replace(/\.$/, "")}`;
    return `${title} ${version} fits but ${state}. Require exactly ${version} to take it all the same.`;
  }
  if (exclusion.reason === "too-young") {
    const age = exclusion.ageMs <= 0 ? "not published yet by this clock" : `${formatAge(exclusion.ageMs)} old`;
    return `${title} ${version} fits but is ${age}; versions are taken from ${formatAge(exclusion.minimumMs)} on.`;
  }
  if (exclusion.reason === "unknown-age")
    return `${title} ${version} fits but its registry does not say when it was published.`;
  return `${title} ${version} is a pre-release, and a range takes one only where it names it: try ^${version}.`;
}

function spelling(name: string, universe: Universe): readonly string[] {
  if (isFact(name)) return [];
  const others = [...universe.published()].filter((other) => other !== name && !isFact(other));
  const near = nearest(name, others);
  return near === undefined ? [] : [`Did you mean ${near} in place of ${name}?`];
}

const units: readonly (readonly [durationMs: number, unit: string])[] = [
  [86_400_000, "day"],
  [3_600_000, "hour"],
  [60_000, "minute"],
  [1000, "second"],
];

/** Whole units, rounded down: `3 hours`. */
function formatAge(durationMs: number): string {
  const [unitMs, unit] = units.find(([unitMs]) => durationMs >= unitMs) ?? ([1000, "second"] as const);
  const count = Math.floor(durationMs / unitMs);
  return `${count} ${unit}${count === 1 ? "" : "s"}`;
}
