import { parseVersion } from "@cpm/model";
import fc from "fast-check";
import type { Candidate, Dependency, Requirement, SolveOptions } from "../index.ts";
import { toRange, universeNowMs } from "./universe.ts";

/** A universe without titles and verdict. */
export interface RandomUniverse {
  /** A lock, which may be of no use, packages to update, and a minimum age: each in some universes only. */
  readonly options: SolveOptions;
  readonly requirements: readonly Requirement[];
  readonly packages: ReadonlyMap<string, readonly Candidate[]>;
  readonly titles: ReadonlyMap<string, string>;
}

const names = ["a", "b", "c", "d", "e", "f", "@fact"] as const;
const versions = ["0.1.0", "1.0.0", "1.1.0", "1.2.0-rc.1", "1.2.0", "2.0.0-rc.1", "2.0.0", "3.0.0"] as const;
const ranges = [
  "*",
  "^1.0.0",
  "^2.0.0",
  ">=1.1.0",
  "<1.2.0",
  "1.0.0",
  "2.0.0",
  "<1 || >=2",
  "^1.2.0-rc.0",
  ">=3",
] as const;

const name: fc.Arbitrary<string> = fc.oneof(
  { weight: 40, arbitrary: fc.constantFrom(...names) },
  { weight: 1, arbitrary: fc.constant("missing") },
);

const dependency: fc.Arbitrary<Dependency> = fc
  .tuple(name, fc.constantFrom(...ranges))
  .map(([target, range]) => ({ name: target, range: toRange(range) }));

const dayMs = 86_400_000;

/** Undefined where a registry does not say when it published. */
const age = fc.oneof(
  { weight: 16, arbitrary: fc.constant(90 * dayMs) },
  { weight: 3, arbitrary: fc.constantFrom(0, dayMs - 1, dayMs) },
  { weight: 1, arbitrary: fc.constant(undefined) },
);

const options: fc.Arbitrary<SolveOptions> = fc.record(
  {
    locked: fc
      .array(fc.tuple(fc.constantFrom(...names), fc.constantFrom(...versions)), { maxLength: 4 })
      .map(
        (pairs) =>
          new Map(pairs.filter(([own]) => !own.startsWith("@")).map(([own, text]) => [own, parseVersion(text)])),
      ),
    update: fc.uniqueArray(fc.constantFrom(...names), { maxLength: 2 }).map((chosen) => new Set(chosen)),
    minimumAge: fc.constant({ minimumMs: dayMs, nowMs: universeNowMs }),
    prefer: fc.constantFrom("newest", "oldest"),
  },
  { requiredKeys: [] },
);

const candidates = fc.uniqueArray(fc.constantFrom(...versions), { minLength: 2, maxLength: 7 }).chain((chosen) =>
  fc.tuple(
    ...chosen.map((version) =>
      fc
        .tuple(fc.array(dependency, { maxLength: 2 }), fc.nat(19), age)
        .map(([dependencies, luck, ageMs]): Candidate => ({
          version: parseVersion(version),
          dependencies,
          yanked: luck === 0,
          ...(ageMs === undefined ? {} : { publishedAtMs: universeNowMs - ageMs }),
        })),
    ),
  ),
);

/** Small and tight: a good part of them has no solution. */
export const randomUniverse: fc.Arbitrary<RandomUniverse> = fc
  .tuple(
    fc.tuple(...names.map((own) => fc.tuple(fc.constant(own), candidates))),
    fc.array(dependency, { minLength: 1, maxLength: 3 }),
    options,
  )
  .map(([packages, wanted, chosen]) => ({
    requirements: wanted.map((need) => ({ ...need, from: "colony.yaml" })),
    packages: new Map(packages.map(([own, all]) => [own, own.startsWith("@") ? all.map(asFact) : all])),
    titles: new Map(),
    options: keptToPublished(chosen, new Map(packages)),
  }));

/** A lock holds only what was published: what is gone would make a solution that no oracle can know. */
function keptToPublished(
  { locked, ...others }: SolveOptions,
  packages: ReadonlyMap<string, readonly Candidate[]>,
): SolveOptions {
  if (locked === undefined) return others;
  const kept = [...locked].filter(([own, { text }]) => packages.get(own)?.some(({ version }) => version.text === text));
  return { ...others, locked: new Map(kept) };
}

/** A fact needs nothing and is not yanked. */
function asFact({ version }: Candidate): Candidate {
  return { version, dependencies: [] };
}
