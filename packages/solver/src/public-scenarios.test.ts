import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isCpmError } from "@cpm/base";
import { solve } from "./index.ts";
import type { Work } from "./index.ts";
import { parseUniverses, universeProvider } from "./testing/index.ts";
import type { ProviderShape, UniverseCase } from "./testing/index.ts";

/** The public suites, and how many cases each holds where it is published. */
const suites = [
  { name: "pub", published: 97 },
  { name: "packse", published: 148 },
] as const;

const notApplicable = read("not-applicable.tsv")
  .split("\n")
  .filter((line) => line !== "")
  .map((line) => line.split("\t"));

for (const { name, published } of suites) {
  const cases = parseUniverses(read(`${name}.universe`));
  const others = notApplicable.filter(([suite]) => suite === name);

  describe(name, () => {
    test.each(cases.map((universe) => [universe.title, universe] as const))("%s", async (_, universe) => {
      const { verdict, work } = await resolve(universe);
      expect(universe.verdict).toBeDefined();
      if (universe.verdict !== undefined) expect(verdict).toEqual(universe.verdict);
      // Fewer attempts than published are welcome; the decisions are our own ratchet.
      expect(work.attempts).toBeLessThanOrEqual(universe.work.attempts ?? Infinity);
      expect(work.decisions).toBe(universe.work.decisions ?? 0);
    });

    test(`${cases.length} cases hold and ${others.length} do not apply, each with its reason`, () => {
      expect(cases.length + others.length).toBe(published);
      expect(new Set(cases.map(({ title }) => title)).size).toBe(cases.length);
      expect(others.filter(([, , reason = ""]) => reason.length < 20)).toEqual([]);
      process.stderr.write(`${name}: ${cases.length} of ${published} public scenarios hold\n`);
    });

    test("answers that arrive later lead to the same solution with the same work", async () => {
      let turn = 0;
      const later: ProviderShape["answer"] = async (value) => {
        for (let waited = turn++ % 4; waited > 0; waited--) await Promise.resolve();
        return value;
      };
      for (const universe of cases)
        expect([universe.title, await resolve(universe, { answer: later })]).toEqual([
          universe.title,
          await resolve(universe),
        ]);
    });

    test("listings that do not tell dependencies change no verdict, though they may change which versions", async () => {
      const kind = ({ verdict }: Outcome): string => (typeof verdict === "string" ? verdict : "solution");
      for (const universe of cases)
        expect([universe.title, kind(await resolve(universe, { inline: false }))]).toEqual([
          universe.title,
          kind(await resolve(universe)),
        ]);
    });

    test("the order in which a universe is written does not matter", async () => {
      for (const universe of cases)
        expect([universe.title, await resolve(reversed(universe))]).toEqual([universe.title, await resolve(universe)]);
    });
  });
}

interface Outcome {
  readonly verdict: readonly string[] | string;
  readonly work: Work;
}

async function resolve(universe: UniverseCase, shape: ProviderShape = {}): Promise<Outcome> {
  try {
    const { packages, work } = await solve(universe.requirements, universeProvider(universe, shape), universe.options);
    return { verdict: [...packages].map(([name, { text }]) => `${name} ${text}`), work };
  } catch (error) {
    if (!isCpmError(error)) throw error;
    return { verdict: error.code.replace("solver/", ""), work: error.context?.["work"] as Work };
  }
}

function reversed(universe: UniverseCase): UniverseCase {
  const packages = [...universe.packages].map(
    ([name, candidates]) =>
      [
        name,
        candidates.toReversed().map(({ dependencies = [], ...candidate }) => ({
          ...candidate,
          dependencies: dependencies.toReversed(),
        })),
      ] as const,
  );
  return { ...universe, requirements: universe.requirements.toReversed(), packages: new Map(packages.toReversed()) };
}

function read(file: string): string {
  return readFileSync(join(import.meta.dir, "testdata", file), "utf8");
}
