import { expect, test } from "bun:test";
import { isCpmError } from "@cpm/base";
import { satisfies } from "@cpm/model";
import type { Version } from "@cpm/model";
import fc from "fast-check";
import Logic from "logic-solver";
import { solve } from "./index.ts";
import type { Candidate, Dependency, Solution } from "./index.ts";
import { randomUniverse } from "./testing/random-universe.ts";
import type { RandomUniverse } from "./testing/random-universe.ts";
import { universeProvider } from "./testing/universe.ts";

/** What random universes may take; ten times what most do. */
const mostDecisions = 200;
const runs = 2000;

test(`on ${runs} random universes the verdict is the SAT solver's, and a solution is valid and minimal`, async () => {
  let solvable = 0;
  await fc.assert(
    fc.asyncProperty(randomUniverse, async (universe) => {
      const solution = await resolve(universe);
      expect(solution !== undefined).toBe(hasSolution(universe));
      if (solution === undefined) return;
      solvable++;
      expect(faultsOf(universe, solution)).toEqual([]);
      expect(solution.work.decisions).toBeLessThan(mostDecisions);
    }),
    { numRuns: runs },
  );
  // Neither verdict may be rare, or the property says little.
  expect(solvable).toBeGreaterThan(runs / 5);
  expect(solvable).toBeLessThan((runs * 4) / 5);
});

test("neither the order of input, nor late answers, nor what a listing tells changes a verdict", async () => {
  await fc.assert(
    fc.asyncProperty(randomUniverse, fc.infiniteStream(fc.nat(3)), async (universe, delays) => {
      const asIs = await resolve(universe);
      const shuffled = { ...universe, requirements: universe.requirements.toReversed(), packages: turned(universe) };
      expect(await resolve(shuffled)).toEqual(asIs);
      const late = await resolve(universe, {
        answer: async (value) => {
          for (let waits = delays.next().value ?? 0; waits > 0; waits--) await Promise.resolve();
          return value;
        },
      });
      expect(late).toEqual(asIs);
      const blind = await resolve(universe, { inline: false });
      expect(blind === undefined).toBe(asIs === undefined);
      if (blind !== undefined) expect(faultsOf(universe, blind)).toEqual([]);
    }),
    { numRuns: 1000 },
  );
});

test("with its own solution as the lock, and nothing new asked for, nothing moves and nothing is listed", async () => {
  await fc.assert(
    fc.asyncProperty(randomUniverse, async (universe) => {
      const solution = await resolve(universe);
      if (solution === undefined) return;
      const asked: string[] = [];
      const provider = universeProvider(universe, { asked });
      const again = await solve(universe.requirements, provider, { locked: solution.packages });
      expect([...again.packages]).toEqual([...solution.packages]);
      expect(asked.filter((question) => !question.includes(" ") && !question.startsWith("@"))).toEqual([]);
    }),
    { numRuns: 1000 },
  );
});

test("every failure has sentences that name the requirements, and no more of them than are allowed", async () => {
  await fc.assert(
    fc.asyncProperty(randomUniverse, async (universe) => {
      const error = await solve(universe.requirements, universeProvider(universe)).catch((thrown: unknown) => thrown);
      if (!isCpmError(error)) return;
      const sentences = error.context?.["sentences"] as readonly string[];
      expect(sentences.length).toBeGreaterThan(0);
      expect(sentences.length).toBeLessThan(26);
      expect(error.message).toContain("colony.yaml");
      expect(error.message).toEndWith("the requirements cannot be met.");
      expect(error.message).not.toMatch(/undefined|\[object|NaN/);
    }),
    { numRuns: 1000 },
  );
});

async function resolve(
  universe: RandomUniverse,
  shape: Parameters<typeof universeProvider>[1] = {},
): Promise<Solution | undefined> {
  try {
    return await solve(universe.requirements, universeProvider(universe, shape));
  } catch (error) {
    if (isCpmError(error, "solver/no-solution") || isCpmError(error, "solver/unknown-package")) return undefined;
    throw error;
  }
}

/** The same question to a general solver: one variable for each version, a clause for each need. */
function hasSolution({ requirements, packages }: RandomUniverse): boolean {
  const solver = new Logic.Solver();
  const variable = (name: string, { text }: Version): string => `${name} ${text}`;
  const oneOf = (name: string, { range }: Dependency): object | string =>
    Logic.or(
      ...usable(packages.get(name), pinsOf(requirements, name))
        .filter(({ version }) => satisfies(version, range))
        .map(({ version }) => variable(name, version)),
    );
  for (const [name, all] of packages) {
    const candidates = usable(all, pinsOf(requirements, name));
    solver.require(Logic.atMostOne(...candidates.map(({ version }) => variable(name, version))));
    for (const { version, dependencies = [] } of candidates)
      for (const need of dependencies) solver.require(Logic.implies(variable(name, version), oneOf(need.name, need)));
  }
  for (const requirement of requirements) solver.require(oneOf(requirement.name, requirement));
  return solver.solve() !== null;
}

function faultsOf({ requirements, packages }: RandomUniverse, { packages: chosen }: Solution): readonly string[] {
  const reached = new Set<string>();
  const faults: string[] = [];
  const waiting: Dependency[] = [...requirements];
  for (let need = waiting.pop(); need !== undefined; need = waiting.pop()) {
    const { name, range } = need;
    const candidates = usable(packages.get(name), pinsOf(requirements, name));
    const found = name.startsWith("@")
      ? candidates.find(({ version }) => satisfies(version, range))
      : candidates.find(({ version }) => version === chosen.get(name));
    if (found === undefined || !satisfies(found.version, range)) faults.push(`${name} ${range.text} is not met`);
    else if (!reached.has(name)) waiting.push(...(found.dependencies ?? []));
    reached.add(name);
  }
  return [...faults, ...[...chosen.keys()].filter((name) => !reached.has(name)).map((name) => `${name} is not needed`)];
}

function usable(candidates: readonly Candidate[] = [], pins: readonly string[]): readonly Candidate[] {
  return candidates.filter(({ yanked, version }) => yanked !== true || pins.includes(version.text));
}

function pinsOf(requirements: RandomUniverse["requirements"], name: string): readonly string[] {
  return requirements.filter((requirement) => requirement.name === name).map(({ range }) => range.text);
}

function turned({ packages }: RandomUniverse): RandomUniverse["packages"] {
  return new Map([...packages].toReversed().map(([name, candidates]) => [name, candidates.toReversed()]));
}
