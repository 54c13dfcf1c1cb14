import { parseRange, parseVersion } from "@cpm/model";
import type { Range, Version } from "@cpm/model";
import type { Candidate, Dependency, Provider, Requirement } from "@cpm/solver";
import { Random } from "./random.ts";

/** How likely a version breaks with its past; the more depend on a package, the less often it does. */
const mostBreaks = 0.05;

export interface IndexShape {
  readonly packages: number;
  readonly versions: number;
  readonly dependencies: number;
  readonly seed: number;
}

type Needs = readonly (readonly [name: string, range: string])[];

/** A package as an index would hold it: text, parsed when it is asked for. */
export interface IndexedPackage {
  readonly name: string;
  readonly versions: readonly { readonly version: string; readonly dependencies: Needs }[];
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
        dependencies: since
          .filter(({ from }) => time >= from)
          .map(({ target, lag, step }) => {
            const seenAt = Math.max(0, Math.floor(time / step) * step - lag);
            return [nameOf(target), `^${histories[target]?.[seenAt] ?? "1.0.0"}`] as const;
          }),
      })),
    };
  });
}

/** The root asks for the first so many, in any version. */
export function rootRequirements(count: number): readonly Requirement[] {
  const range = parseRange("*");
  return Array.from({ length: count }, (_, at) => ({ name: nameOf(at), range, from: "colony.yaml" }));
}

/** The index as the solver sees it. */
export function indexProvider(index: readonly IndexedPackage[]): Provider {
  const byName = new Map(index.map((entry) => [entry.name, entry]));
  return {
    versions: (name) => {
      const found = byName.get(name);
      return found === undefined ? undefined : candidatesOf(found);
    },
    dependencies: (name, version) => {
      const found = byName.get(name)?.versions.find((other) => other.version === version.text);
      return found === undefined ? { unusable: "is not published any more" } : needsOf(found.dependencies);
    },
  };
}

/** Each text is parsed once, as a registry client would do it. */
export function candidatesOf({ versions }: IndexedPackage): readonly Candidate[] {
  return versions.map(({ version, dependencies }) => ({
    version: toVersion(version),
    dependencies: needsOf(dependencies),
  }));
}

function needsOf(dependencies: Needs): readonly Dependency[] {
  return dependencies.map(([name, text]) => ({ name, range: toRange(text) }));
}

const toRange: (text: string) => Range = remembered(parseRange);
const toVersion: (text: string) => Version = remembered(parseVersion);

function remembered<T>(parse: (text: string) => T): (text: string) => T {
  const known = new Map<string, T>();
  return (text) => {
    let value = known.get(text);
    if (value === undefined) {
      value = parse(text);
      known.set(text, value);
    }
    return value;
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
