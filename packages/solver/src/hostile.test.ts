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
