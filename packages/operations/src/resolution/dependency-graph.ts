import type { LockedPackage, Lockfile, Needs } from "@cpm/model";
import { operationError } from "../errors.ts";

/** One line of a tree: how deep it stands, what it is, and the range by which it was asked for. */
export interface TreeLine {
  readonly depth: number;
  readonly name: string;
  readonly version: string;
  readonly range: string;
  /** What the one that needs it calls it, where that is another name. */
  readonly alias?: string;
  /** The condition under which it is needed. */
  readonly when?: string;
  /** Whether it stands above already with all that it needs. */
  readonly repeated: boolean;
}

/** What is needed by what, from the project down, depth first and in the order of names. */
export function treeOf(lock: Lockfile): readonly TreeLine[] {
  const packages = byName(lock);
  const shown = new Set<string>();
  const visit = ({ name, ...need }: NamedNeed, depth: number): TreeLine[] => {
    const found = packages.get(name);
    if (found === undefined) return [];
    const repeated = shown.has(name) && Object.keys(found.dependencies).length > 0;
    shown.add(name);
    const line = { depth, name, version: found.version.text, ...need, repeated };
    const below = repeated ? [] : sortedNeeds(found.dependencies).flatMap((entry) => visit(entry, depth + 1));
    return [line, ...below];
  };
  return sortedNeeds(lock.requirements).flatMap((entry) => visit(entry, 0));
}

/** What needs a package, from the package up to the project: every way by which it came in. */
export function invertedTree(lock: Lockfile, name: string, projectName: string): readonly TreeLine[] {
  const packages = byName(lock);
  const target = requireLocked(packages, name);
  const visit = (current: string, depth: number, path: readonly string[]): TreeLine[] => {
    const needing = [...packages.values()].filter((entry) => current in entry.dependencies);
    const direct = needsOf(lock.requirements, current);
    return [
      ...direct.map((need) => ({ depth, version: "", ...need, name: projectName, repeated: false })),
      ...needing.flatMap((entry): TreeLine[] => {
        const repeated = path.includes(entry.name);
        const lines = needsOf(entry.dependencies, current).map((need) => {
          return { depth, version: entry.version.text, ...need, name: entry.name, repeated };
        });
        return [...lines, ...(repeated ? [] : visit(entry.name, depth + 1, [...path, entry.name]))];
      }),
    ];
  };
  return [{ depth: 0, name, version: target.version.text, range: "", repeated: false }, ...visit(name, 1, [name])];
}

/** The shortest chain from the project to a package: each link is who asks, and by which range. */
export interface WhyLink {
  readonly from: string;
  readonly name: string;
  readonly range: string;
  readonly version: string;
}

/** All shortest reasons for which a package is there, one for each direct dependency that leads to it. */
export function whyChains(lock: Lockfile, name: string, projectName: string): readonly (readonly WhyLink[])[] {
  const packages = byName(lock);
  requireLocked(packages, name);
  return sortedEntries(lock.requirements).flatMap(([first, range]) => {
    const start = packages.get(first);
    if (start === undefined) return [];
    const begin: WhyLink = { from: projectName, name: first, range, version: start.version.text };
    const queue: (readonly WhyLink[])[] = [[begin]];
    const seen = new Set([first]);
    for (let chain = queue.shift(); chain !== undefined; chain = queue.shift()) {
      const last = chain.at(-1);
      if (last?.name === name) return [chain];
      for (const [next, text] of sortedEntries(packages.get(last?.name ?? "")?.dependencies ?? {})) {
        const found = packages.get(next);
        if (found === undefined || seen.has(next)) continue;
        seen.add(next);
        queue.push([...chain, { from: last?.name ?? "", name: next, range: text, version: found.version.text }]);
      }
    }
    return [];
  });
}

function byName(lock: Lockfile): ReadonlyMap<string, LockedPackage> {
  return new Map(lock.packages.map((entry) => [entry.name, entry]));
}

function requireLocked(packages: ReadonlyMap<string, LockedPackage>, name: string): LockedPackage {
  const found = packages.get(name);
  if (found !== undefined) return found;
  throw operationError("lock/not-locked", `the lockfile has no ${name}`);
}

type NamedNeed = Pick<TreeLine, "name" | "range" | "alias" | "when">;

function sortedNeeds(needs: Needs): readonly NamedNeed[] {
  return Object.keys(needs)
    .toSorted()
    .flatMap((name) => needsOf(needs, name));
}

function needsOf(needs: Needs, name: string): readonly NamedNeed[] {
  return (needs[name] ?? []).map(({ version, alias, when }) => ({
    name,
    range: version.text,
    ...(alias === undefined ? {} : { alias }),
    ...(when === undefined ? {} : { when }),
  }));
}

/** The ways to a package, one for each; of several entries about one package the first. */
function sortedEntries(needs: Needs): readonly (readonly [string, string])[] {
  const first = new Map(
    sortedNeeds(needs)
      .toReversed()
      .map(({ name, range }) => [name, range] as const),
  );
  return [...first].toSorted(([left], [right]) => (left < right ? -1 : 1));
}
