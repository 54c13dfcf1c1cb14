import { parseRange, parseVersion } from "@cpm/model";
import type { Range } from "@cpm/model";
import type { Candidate, Dependency, Provider, Requirement } from "@cpm/solver";
import { Random } from "./random.ts";

/** How likely a version breaks with its past; the more depend on a package, the less often it does. */
const mostBreaks = 0.05;

export interface IndexShape {
  readonly packages: number;
  readonly versions: number;
  readonly dependencies: number;
  /** How many packages the root asks for. */
  readonly requirements: number;
  readonly seed: number;
}

/** A package as an index would hold it: text, parsed when it is asked for. */
export interface IndexedPackage {
  readonly name: string;
  readonly versions: readonly { readonly version: string; readonly dependencies: Readonly<Record<string, string>> }[];
}

/**
 * An index that grew as real ones do: all packages publish along one line of time, a major version now and then, and
 * depend on what their dependencies had published a little earlier. So the newest versions mostly fit one another, and
 * where a dependency has just broken with its past they do not.
 */
export function createIndex({ packages, versions, dependencies, seed }: IndexShape): readonly IndexedPackage[] {
  const random = new Random(seed);
  const histories = Array.from({ length: packages }, (_, at) => {
    const breaksOften = mostBreaks * (1 - at / packages) ** 2;
    return history(versions, () => random.unit() < breaksOften);
  });
  return histories.map((own, at) => {
    const targets = new Set<number>();
    const count = Math.min(random.below(dependencies * 2 + 1), packages - at - 1);
    while (targets.size < count) targets.add(at + 1 + Math.floor((packages - at - 1) * random.unit() ** 2));
    const since = [...targets].map((target) => ({
      target,
      from: random.below(versions / 2),
      lag: random.below(4),
      step: 1 + random.below(8),
    }));
    return {
      name: nameOf(at),
      versions: own.map((version, time) => ({
        version,
        dependencies: Object.fromEntries(
          since
            .filter(({ from }) => time >= from)
            .map(({ target, lag, step }) => {
              const seenAt = Math.max(0, Math.floor(time / step) * step - lag);
              return [nameOf(target), `^${histories[target]?.[seenAt] ?? "1.0.0"}`];
            }),
        ),
      })),
    };
  });
}

export function rootRequirements({ requirements, packages }: IndexShape): readonly Requirement[] {
  const range = parseRange("*");
  const count = Math.min(requirements, packages);
  return Array.from({ length: count }, (_, at) => ({ name: nameOf(at), range, from: "colony.yaml" }));
}

/** The index as the solver sees it. Each text is parsed once, as a registry client would do it. */
export function indexProvider(index: readonly IndexedPackage[]): Provider {
  const byName = new Map(index.map((entry) => [entry.name, entry]));
  const ranges = new Map<string, Range>();
  const toRange = (text: string): Range => {
    let range = ranges.get(text);
    if (range === undefined) {
      range = parseRange(text);
      ranges.set(text, range);
    }
    return range;
  };
  const needs = (dependencies: Readonly<Record<string, string>>): readonly Dependency[] =>
    Object.entries(dependencies).map(([name, text]) => ({ name, range: toRange(text) }));
  return {
    versions: (name) =>
      byName.get(name)?.versions.map(
        ({ version, dependencies }): Candidate => ({
          version: parseVersion(version),
          dependencies: needs(dependencies),
        }),
      ),
    dependencies: (name, version) => {
      const found = byName.get(name)?.versions.find((other) => other.version === version.text);
      return found === undefined ? { unusable: "is not published any more" } : needs(found.dependencies);
    },
  };
}

function history(versions: number, breaks: () => boolean): readonly string[] {
  let [major, minor] = [1, -1];
  return Array.from({ length: versions }, () => {
    if (minor >= 0 && breaks()) [major, minor] = [major + 1, 0];
    else minor++;
    return `${major}.${minor}.0`;
  });
}

function nameOf(at: number): string {
  return `bench/p${at}`;
}
