import { parseVersion } from "@cpm/model";
import fc from "fast-check";
import type { Candidate, Dependency, Requirement } from "../index.ts";
import { toRange } from "./universe.ts";

/** A universe without titles, options and verdict. */
export interface RandomUniverse {
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

const candidates = fc.uniqueArray(fc.constantFrom(...versions), { minLength: 2, maxLength: 7 }).chain((chosen) =>
  fc.tuple(
    ...chosen.map((version) =>
      fc.tuple(fc.array(dependency, { maxLength: 2 }), fc.nat(19)).map(([dependencies, luck]): Candidate => ({
        version: parseVersion(version),
        dependencies,
        yanked: luck === 0,
        publishedAtMs: 0,
      })),
    ),
  ),
);

/** Small and tight: a good part of them has no solution. */
export const randomUniverse: fc.Arbitrary<RandomUniverse> = fc
  .tuple(
    fc.tuple(...names.map((own) => fc.tuple(fc.constant(own), candidates))),
    fc.array(dependency, { minLength: 1, maxLength: 3 }),
  )
  .map(([packages, wanted]) => ({
    requirements: wanted.map((need) => ({ ...need, from: "colony.yaml" })),
    packages: new Map(packages.map(([own, all]) => [own, own.startsWith("@") ? all.map(asFact) : all])),
    titles: new Map(),
  }));

/** A fact needs nothing and is not yanked. */
function asFact({ version }: Candidate): Candidate {
  return { version, dependencies: [] };
}
