import { expect, test } from "bun:test";
import { isCpmError } from "@cpm/base";
import { parseVersion } from "@cpm/model";
import { solve } from "./index.ts";
import type { Candidate, Requirement, Work } from "./index.ts";
import { toRange, universeProvider } from "./testing/universe.ts";

type Packages = Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, string>>>>>>;

/** Steps are counted, not time: each test says how many its universe may take, about twice what it does. */
async function steps(packages: Packages, wanted: Readonly<Record<string, string>>): Promise<[string, Work]> {
  const needs = (all: Readonly<Record<string, string>>) =>
    Object.entries(all).map(([name, range]) => ({ name, range: toRange(range) }));
  const candidates = Object.entries(packages).map(([name, versions]): [string, readonly Candidate[]] => [
    name,
    Object.entries(versions).map(([version, dependencies]) => ({
      version: parseVersion(version),
      dependencies: needs(dependencies),
    })),
  ]);
  const requirements: readonly Requirement[] = needs(wanted).map((need) => ({ ...need, from: "colony.yaml" }));
  const provider = universeProvider({ packages: new Map(candidates), titles: new Map() });
  try {
    const { packages: chosen, work } = await solve(requirements, provider);
    return [`${chosen.size} packages`, work];
  } catch (error) {
    if (!isCpmError(error)) throw error;
    expect(error.message.length).toBeLessThan(20_000);
    return [error.code, error.context?.["work"] as Work];
  }
}

function record<T>(count: number, entry: (at: number) => readonly [string, T]): Record<string, T> {
  return Object.fromEntries(Array.from({ length: count }, (_, at) => entry(at)));
}

test("10 000 versions, each with a need of its own that is not met", async () => {
  const versions = record(10_000, (at) => [`1.${at}.0`, { other: `1.0.${at + 1}` }]);
  const [verdict, work] = await steps({ many: versions, other: { "1.0.0": {} } }, { many: "*" });
  expect(verdict).toBe("solver/no-solution");
  expect([work.decisions, work.steps < 200_000]).toEqual([1, true]);
});

test("10 000 versions with the same need that is not met fall at once", async () => {
  const versions = record(10_000, (at) => [`1.0.${at}`, { other: "^2.0.0" }]);
  const [verdict, work] = await steps({ many: versions, other: { "1.0.0": {} } }, { many: "*" });
  expect(verdict).toBe("solver/no-solution");
  expect(work.steps).toBeLessThan(40);
});

test("a chain of 10 000 packages, with and without an end", async () => {
  const link = (at: number): readonly [string, Record<string, Record<string, string>>] => [
    `p${at}`,
    { "1.0.0": { [`p${at + 1}`]: "^1.0.0" } },
  ];
  const [broken, brokenWork] = await steps(record(10_000, link), { p0: "*" });
  expect([broken, brokenWork.steps < 100_000]).toEqual(["solver/unknown-package", true]);
  const [whole, wholeWork] = await steps({ ...record(10_000, link), p10000: { "1.0.0": {} } }, { p0: "*" });
  expect([whole, wholeWork.decisions]).toEqual(["10001 packages", 10_001]);
});

test("layers of conflicting diamonds", async () => {
  const layer = (at: number): Packages => ({
    [`l${at}`]: record(10, (version) => [`${version + 1}.0.0`, { [`m${at}`]: `${version + 1}.0.0`, [`n${at}`]: "*" }]),
    [`m${at}`]: record(10, (version) => [`${version + 1}.0.0`, { [`l${at + 1}`]: `${version + 1}.0.0` }]),
    [`n${at}`]: record(10, (version) => [`${version + 1}.0.0`, { [`l${at + 1}`]: `${10 - version}.0.0` }]),
  });
  const layers = Object.assign({}, ...Array.from({ length: 30 }, (_, at) => layer(at))) as Packages;
  const [solved, work] = await steps({ ...layers, l30: record(10, (at) => [`${at + 1}.0.0`, {}]) }, { l0: "*" });
  expect([solved, work.decisions < 200, work.steps < 40_000]).toEqual(["91 packages", true, true]);
  const [failed, failedWork] = await steps({ ...layers, l30: { "11.0.0": {} } }, { l0: "*" });
  expect([failed, failedWork.steps < 40_000]).toEqual(["solver/no-solution", true]);
});

test("a cycle of 2 000 packages, and one that shifts by a version each time round", async () => {
  const cycle = record(2000, (at) => [`p${at}`, { "1.0.0": { [`p${(at + 1) % 2000}`]: "1.0.0" } }] as const);
  expect((await steps(cycle, { p0: "*" }))[0]).toBe("2000 packages");
  const shift = (name: string) => record(200, (at) => [`1.0.${at}`, { [name]: `>=1.0.${at + 1}` }] as const);
  const [verdict, work] = await steps({ a: shift("b"), b: shift("a") }, { a: "*" });
  expect([verdict, work.steps < 400_000]).toEqual(["solver/no-solution", true]);
});

test("versions with prereleases of 256 characters", async () => {
  const long = (at: number): string => `1.0.0-${"a.".repeat(120)}${at}`;
  const versions = record(500, (at) => [long(at), { other: "^2.0.0" }]);
  const wanted = { many: `>=${long(0)}` };
  expect((await steps({ many: versions, other: { "2.0.0": {} } }, wanted))[0]).toBe("2 packages");
  const [verdict, work] = await steps({ many: versions, other: { "1.0.0": {} } }, wanted);
  expect([verdict, work.steps < 100]).toEqual(["solver/no-solution", true]);
});

test("more pigeons than holes end at the limit, or with the proof", async () => {
  const holes = 7;
  const pigeons = record(holes + 1, (at) => [
    `pigeon${at}`,
    record(holes, (hole) => [`${hole + 1}.0.0`, { [`hole${hole}`]: `${at + 1}.0.0` }]),
  ]);
  const all = record(holes, (hole) => [`hole${hole}`, record(holes + 1, (at) => [`${at + 1}.0.0`, {}])]);
  const wanted = record(holes + 1, (at) => [`pigeon${at}`, "*"] as const);
  const [verdict, work] = await steps({ ...pigeons, ...all }, wanted);
  expect(["solver/no-solution", "solver/limit"]).toContain(verdict);
  expect(work.steps).toBeLessThanOrEqual(5_000_001);
});

test("a ladder whose rungs may each be taken in two ways, with nothing at its end", async () => {
  // 2 to the power of 200 paths: what was learned of a rung must hold for both ways to it.
  const rungs = record(200, (at) => [
    `rung${at}`,
    { "1.0.0": { [`left${at}`]: "*" }, "2.0.0": { [`right${at}`]: "*" } },
  ]);
  const sides = (side: string) =>
    record(200, (at) => [`${side}${at}`, { "1.0.0": { [`rung${at + 1}`]: "*" } }] as const);
  const [verdict, work] = await steps({ ...rungs, ...sides("left"), ...sides("right") }, { rung0: "*" });
  expect([verdict, work.decisions < 6000, work.steps < 400_000]).toEqual(["solver/unknown-package", true, true]);
});

test("a counter that would have to be run through digit by digit", async () => {
  // Each digit has ten values; the last one is needed in a value that the first excludes.
  const digits = record(12, (at) => [
    `digit${at}`,
    record(10, (value) => [`${value + 1}.0.0`, { [`digit${at + 1}`]: "*" }]),
  ]);
  const last = { digit12: { "1.0.0": { digit0: ">=11.0.0" }, "2.0.0": { digit0: ">=12.0.0" } } };
  const [verdict, work] = await steps({ ...digits, ...last }, { digit0: "*" });
  expect([verdict, work.decisions < 100, work.steps < 2000]).toEqual(["solver/no-solution", true, true]);
});

test("parity: a chain of needs that flips between odd and even, and must end as it began", async () => {
  const bits = record(100, (at) => [
    `bit${at}`,
    { "1.0.0": { [`bit${at + 1}`]: "2.0.0" }, "2.0.0": { [`bit${at + 1}`]: "1.0.0" } },
  ]);
  const end = { bit100: { "1.0.0": { bit0: "2.0.0" }, "2.0.0": { bit0: "1.0.0" } } };
  const [verdict, work] = await steps({ ...bits, ...end }, { bit0: "*" });
  expect([verdict, work.decisions < 500, work.steps < 20_000]).toEqual(["solver/no-solution", true, true]);
});

test("1 000 requirements of one package, each with many alternatives", async () => {
  const versions = record(200, (at) => [`1.${at}.0`, {}] as const);
  const dependers = record(1000, (at) => [
    `d${at}`,
    {
      "1.0.0": {
        many: Array.from({ length: 20 }, (_, part) => `1.${part * 2 + (at % 2)}.0`).join(" || "),
      },
    },
  ]);
  const wanted = record(1000, (at) => [`d${at}`, "*"] as const);
  const [verdict, work] = await steps({ ...dependers, many: versions }, wanted);
  expect([verdict, work.steps < 20_000]).toEqual(["solver/no-solution", true]);
});
