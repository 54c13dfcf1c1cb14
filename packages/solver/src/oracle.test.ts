import { expect, test } from "bun:test";
import { isCpmError } from "@cpm/base";
import { propertyRuns } from "@cpm/base/testing";
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
const { numRuns: runs, seed } = propertyRuns(2000);

test("on random universes the verdict is the SAT solver's, and a solution is valid and minimal", async () => {
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
    { numRuns: runs, seed },
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
    propertyRuns(1000),
  );
});

test("with its own solution as the lock, and nothing new asked for, nothing moves and nothing is listed", async () => {
  await fc.assert(
    fc.asyncProperty(randomUniverse, async (universe) => {
      const solution = await resolve(universe);
      if (solution === undefined) return;
      const asked: string[] = [];
      const provider = universeProvider(universe, { asked });
      const { minimumAge } = universe.options;
      const options = { locked: solution.packages, ...(minimumAge === undefined ? {} : { minimumAge }) };
      const again = await solve(universe.requirements, provider, options);
      expect([...again.packages]).toEqual([...solution.packages]);
      expect(asked.filter((question) => !question.includes(" ") && !question.startsWith("@"))).toEqual([]);
    }),
    propertyRuns(1000),
  );
});

test("every failure has sentences that name the requirements, and no more of them than are allowed", async () => {
  await fc.assert(
    fc.asyncProperty(randomUniverse, async (universe) => {
      const error = await solve(universe.requirements, universeProvider(universe), universe.options).catch(
        (thrown: unknown) => thrown,
      );
      if (!isCpmError(error)) return;
      const sentences = error.context?.["sentences"] as readonly string[];
      expect(sentences.length).toBeGreaterThan(0);
      expect(sentences.length).toBeLessThan(26);
      expect(error.message).toContain("colony.yaml");
      expect(error.message).toEndWith("the requirements cannot be met.");
      expect(error.message).not.toMatch(/undefined|\[object|NaN/);
    }),
    propertyRuns(1000),
  );
});

async function resolve(
  universe: RandomUniverse,
  shape: Parameters<typeof universeProvider>[1] = {},
): Promise<Solution | undefined> {
  try {
    return await solve(universe.requirements, universeProvider(universe, shape), universe.options);
  } catch (error) {
    if (isCpmError(error, "solver/no-solution") || isCpmError(error, "solver/unknown-package")) return undefined;
    throw error;
  }
}

/** The same question to a general solver: one variable for each version, a clause for each need. */
function hasSolution(universe: RandomUniverse): boolean {
  const { requirements, packages } = universe;
  const solver = new Logic.Solver();
  const variable = (name: string, { text }: Version): string => `${name} ${text}`;
  const oneOf = (name: string, { range }: Dependency): object | string =>
    Logic.or(
      ...usable(universe, name)
        .filter(({ version }) => satisfies(version, range))
        .map(({ version }) => variable(name, version)),
    );
  for (const name of packages.keys()) {
    const candidates = usable(universe, name);
    solver.require(Logic.atMostOne(...candidates.map(({ version }) => variable(name, version))));
    for (const { version, dependencies = [] } of candidates)
      for (const need of dependencies) solver.require(Logic.implies(variable(name, version), oneOf(need.name, need)));
  }
  for (const requirement of requirements) solver.require(oneOf(requirement.name, requirement));
  return solver.solve() !== null;
}

function faultsOf(universe: RandomUniverse, { packages: chosen }: Solution): readonly string[] {
  const reached = new Set<string>();
  const faults: string[] = [];
  const waiting: Dependency[] = [...universe.requirements];
  for (let need = waiting.pop(); need !== undefined; need = waiting.pop()) {
    const { name, range } = need;
    const candidates = usable(universe, name);
    const found = name.startsWith("@")
      ? candidates.find(({ version }) => satisfies(version, range))
      : candidates.find(({ version }) => version.text === chosen.get(name)?.text);
    if (found === undefined || !satisfies(found.version, range)) faults.push(`${name} ${range.text} is not met`);
    else if (!reached.has(name)) waiting.push(...(found.dependencies ?? []));
    reached.add(name);
  }
  return [...faults, ...[...chosen.keys()].filter((name) => !reached.has(name)).map((name) => `${name} is not needed`)];
}

/** What may be chosen: a locked version always, a yanked one where it is pinned, a young one never. */
function usable({ requirements, packages, options }: RandomUniverse, name: string): readonly Candidate[] {
  const pins = pinsOf(requirements, name);
  const { minimumAge, locked } = options;
  const isOld = ({ publishedAtMs = Infinity }: Candidate): boolean =>
    minimumAge === undefined || name.startsWith("@") || minimumAge.nowMs - publishedAtMs >= minimumAge.minimumMs;
  return (packages.get(name) ?? []).filter(
    (candidate) =>
      candidate.version.text === locked?.get(name)?.text ||
      (isOld(candidate) && (candidate.yanked !== true || pins.includes(candidate.version.text))),
  );
}

function pinsOf(requirements: RandomUniverse["requirements"], name: string): readonly string[] {
  return requirements.filter((requirement) => requirement.name === name).map(({ range }) => range.text);
}

function turned({ packages }: RandomUniverse): RandomUniverse["packages"] {
  return new Map([...packages].toReversed().map(([name, candidates]) => [name, candidates.toReversed()]));
}
