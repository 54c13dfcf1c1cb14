import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { propertyFactor, propertyRuns, propertySeed } from "@cpm/base/testing";
import { parseRange, parseVersion, readVersion } from "@cpm/model";
import type { Precedence, Range } from "@cpm/model";
import fc from "fast-check";
import semver from "semver";
import { formatSet } from "./set-text.ts";
import { between, everyVersion, exactly, noVersions, toVersionSet } from "./version-set.ts";
import type { VersionSet } from "./version-set.ts";

const small = fc.integer({ min: 0, max: 2 });
const identifier = fc.constantFrom("0", "1", "alpha", "rc", "-");
const prerelease = fc.oneof(
  { weight: 2, arbitrary: fc.constant("") },
  { weight: 1, arbitrary: fc.array(identifier, { minLength: 1, maxLength: 2 }).map((parts) => `-${parts.join(".")}`) },
);
const versionText = fc.tuple(small, small, small, prerelease).map(([a, b, c, pre]) => `${a}.${b}.${c}${pre}`);
const partialText = fc.oneof(
  { weight: 3, arbitrary: versionText },
  { weight: 1, arbitrary: fc.tuple(small, small).map((parts) => parts.join(".")) },
  { weight: 1, arbitrary: small.map((major) => `${major}.x`) },
  { weight: 1, arbitrary: fc.constant("*") },
);
const simpleText = fc
  .tuple(fc.constantFrom("", "^", "~", ">", ">=", "<", "<=", "="), partialText)
  .map(([operator, partial]) => operator + partial);
const rangeText = fc
  .array(
    fc.oneof(
      { weight: 4, arbitrary: fc.array(simpleText, { minLength: 1, maxLength: 2 }).map((parts) => parts.join(" ")) },
      { weight: 1, arbitrary: fc.tuple(partialText, partialText).map(([from, to]) => `${from} - ${to}`) },
    ),
    { minLength: 1, maxLength: 3 },
  )
  .map((parts) => parts.join(" || "));

const sets = new Map<string, VersionSet>();

function setOf(text: string): VersionSet {
  const known = sets.get(text);
  if (known !== undefined) return known;
  const set = toVersionSet(parseRange(text));
  sets.set(text, set);
  return set;
}

const identifiers = ["0", "1", "alpha", "rc", "-"];
const prereleases = ["", ...identifiers, ...identifiers.flatMap((one) => identifiers.map((two) => `${one}.${two}`))];
/** Every version that the generators make, and their neighbours. */
const everyVersionMade = Array.from({ length: 64 }, (_, at) => [at >> 4, (at >> 2) & 3, at & 3].join(".")).flatMap(
  (triple) => prereleases.map((pre) => (pre === "" ? triple : `${triple}-${pre}`)),
);

function takenByReference(range: string): readonly boolean[] {
  const reference = new semver.Range(range);
  return everyVersionMade.map((version) => reference.test(version));
}

/** Undefined for what only node-semver's forgiving reader takes. */
function strictRange(text: string): Range | undefined {
  try {
    return parseRange(text);
  } catch {
    return undefined;
  }
}

const text = ({ major, minor, patch, prerelease: pre }: Precedence): string =>
  `${major}.${minor}.${patch}${pre.length === 0 ? "" : `-${pre.join(".")}`}`;

/** The lowest version of the set, which the reference must agree to. */
function witness(set: VersionSet): string | undefined {
  const lowest = set.lowest();
  return lowest === undefined ? undefined : text(lowest);
}

describe("ranges as sets agree with node-semver", () => {
  test("on its own examples", () => {
    const rows = readFileSync(join(import.meta.dir, "testdata/node-semver-ranges.tsv"), "utf8")
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("//"))
      .map((line) => line.split("\t"));
    let loose = 0;
    for (const [question = "", left = "", right = "", expected = ""] of rows) {
      const [range, other] = [strictRange(left), question === "fits" ? undefined : strictRange(right)];
      const version = question === "fits" ? readVersion(right) : undefined;
      if (range === undefined || (question === "fits" ? version === undefined : other === undefined)) {
        loose++;
        continue;
      }
      const set = toVersionSet(range);
      const answer =
        version === undefined
          ? question === "meets"
            ? !set.intersection(setOf(right)).isEmpty
            : set.isSubsetOf(setOf(right))
          : set.has(version);
      expect([question, left, right, answer ? "yes" : "no"]).toEqual([question, left, right, expected]);
    }
    expect(rows.length).toBeGreaterThan(290);
    // Versions and ranges that only node-semver's forgiving reader takes, such as "v1.2.3 " or ">01.02.03".
    expect(loose).toBeLessThan(25);
  });

  test("on 100 000 generated pairs: which versions fit", () => {
    fc.assert(
      fc.property(rangeText, fc.array(versionText, { minLength: 10, maxLength: 10 }), (range, versions) => {
        const set = setOf(range);
        const reference = new semver.Range(range);
        for (const version of versions)
          if (set.has(parseVersion(version)) !== reference.test(version)) throw new Error(`${version} in ${range}`);
      }),
      propertyRuns(10_000),
    );
  });

  test("on 100 000 generated pairs: whether ranges meet, and whether one lies within another", () => {
    const pool = fc.sample(rangeText, { numRuns: Math.ceil(320 * Math.sqrt(propertyFactor)), seed: propertySeed });
    let [pairs, unlike] = [0, 0];
    const taken = new Map(pool.map((range) => [range, takenByReference(range)]));
    for (const left of pool)
      for (const right of pool) {
        pairs++;
        const [inLeft = [], inRight = []] = [taken.get(left), taken.get(right)];
        if (setOf(left).isDisjointFrom(setOf(right)) && inLeft.some((is, at) => is && inRight[at] === true))
          throw new Error(`${left} and ${right} meet`);
        if (setOf(left).isSubsetOf(setOf(right)) && inLeft.some((is, at) => is && inRight[at] === false))
          throw new Error(`${left} leaves ${right}`);
        if (!meetsAsReference(left, right) || (!leavesAsReference(left, right) && !pinsPrerelease(left))) unlike++;
      }
    expect(pairs).toBeGreaterThan(100_000);
    expect(unlike).toBeLessThan(pairs / 200);
  });
});

/**
 * Where we find that ranges meet, the reference's `satisfies` takes the version that we show in both. Its `intersects`
 * looks at bounds alone: it takes `>1.2.3 <1.2.4` for a version, and a prerelease that one range names for one of the
 * other; and on the same bounds with a prerelease it can miss a version that its own `satisfies` takes.
 */
function meetsAsReference(left: string, right: string): boolean {
  const version = witness(setOf(left).intersection(setOf(right)));
  if (version === undefined) return true;
  const agreed = semver.satisfies(version, left) && semver.satisfies(version, right);
  if (!agreed) throw new Error(`${left} and ${right} do not meet in ${version}`);
  return semver.intersects(left, right);
}

/** The same where we find that a range does not lie within another; `subset` too has its slips with empty ranges. */
function leavesAsReference(left: string, right: string): boolean {
  const version = witness(setOf(left).difference(setOf(right)));
  if (version === undefined) return true;
  const agreed = semver.satisfies(version, left) && !semver.satisfies(version, right);
  if (!agreed) throw new Error(`${left} does not leave ${right} by ${version}`);
  return !semver.subset(left, right);
}

/**
 * An exact prerelease beside another comparator, as in `=1.1.2-rc ^1.0.1`: `subset` takes it for the empty range, and so
 * for a part of any other, though `satisfies` takes the prerelease. Most of what differs are these few ranges.
 */
function pinsPrerelease(range: string): boolean {
  return parseRange(range).alternatives.some(
    (comparators) =>
      comparators.length > 1 &&
      comparators.some(({ operator, version }) => operator === "=" && version.prerelease.length > 0),
  );
}

describe("sets", () => {
  const set = fc.oneof(
    rangeText.map(setOf),
    versionText.map((version) => exactly(parseVersion(version))),
    fc.tuple(versionText, versionText).map(([from, to]) => between(parseVersion(from), parseVersion(to))),
    rangeText.map((range) => setOf(range).complement()),
    fc.constant(everyVersion),
    fc.constant(noVersions),
  );

  test("are an algebra", () => {
    fc.assert(
      fc.property(set, set, set, (a, b, c) => {
        expect(a.complement().complement()).toEqual(a);
        expect(a.union(b).complement()).toEqual(a.complement().intersection(b.complement()));
        expect(a.intersection(b.union(c))).toEqual(a.intersection(b).union(a.intersection(c)));
        expect(a.difference(b)).toEqual(a.intersection(b.complement()));
        expect(a.union(a.complement())).toEqual(everyVersion);
        expect(a.intersection(a.complement())).toEqual(noVersions);
        expect(a.isSubsetOf(b)).toBe(a.difference(b).isEmpty);
        expect(a.isDisjointFrom(b)).toBe(a.intersection(b).isEmpty);
        expect(a.equals(b)).toBe(a.isSubsetOf(b) && b.isSubsetOf(a));
      }),
      propertyRuns(3000),
    );
  });

  test("hold what their operations say", () => {
    fc.assert(
      fc.property(set, set, versionText.map(parseVersion), (a, b, version) => {
        expect(a.union(b).has(version)).toBe(a.has(version) || b.has(version));
        expect(a.intersection(b).has(version)).toBe(a.has(version) && b.has(version));
        expect(a.complement().has(version)).toBe(!a.has(version));
      }),
      propertyRuns(3000),
    );
  });

  test("between two versions lie the first, what follows, and not the second", () => {
    const gap = between(parseVersion("1.0.0-rc.1"), parseVersion("2.0.0"));
    const inside = ["1.0.0-rc.1", "1.0.0-rc.1.0", "1.0.0", "1.9.9-x", "2.0.0-rc.1"];
    const outside = ["1.0.0-rc.0", "0.9.9", "2.0.0", "2.0.1-0"];
    expect(inside.filter((version) => !gap.has(parseVersion(version)))).toEqual([]);
    expect(outside.filter((version) => gap.has(parseVersion(version)))).toEqual([]);
  });
});

describe("sets in words", () => {
  test.each([
    ["^1.2.3", "^1.2.3"],
    [">=1.0.0 <2.0.0", "^1.0.0"],
    ["~1.2.3", ">=1.2.3 <1.3.0"],
    ["^0.3.1", "^0.3.1"],
    ["1.2.3", "1.2.3"],
    ["*", "*"],
    ["<2.0.0", "<2.0.0"],
    [">=2.1.0", ">=2.1.0"],
    ["^1.2.0-beta.2", "^1.2.0-beta.2"],
    ["1.0.0-rc.1", "1.0.0-rc.1"],
    ["<1.0.0 || >=2.0.0", "<1.0.0 || >=2.0.0"],
    ["<1 >2", "no version"],
  ])("%s is written %s", (range, written) => expect(formatSet(setOf(range), undefined)).toBe(written));

  test("prereleases of neighbours are not written as a range that holds the release between them", () => {
    const set = setOf("1.0.1-0 || >1.0.0-0").difference(setOf("<=1.0.0"));
    expect(setOf(formatSet(set, undefined)).has(parseVersion("1.0.0"))).toBe(false);
  });

  test("what is written takes the same releases", () => {
    fc.assert(
      fc.property(rangeText, rangeText, versionText.map(parseVersion), (left, right, version) => {
        const set = setOf(left).difference(setOf(right));
        if (set.isEmpty || version.prerelease.length > 0) return;
        expect(setOf(formatSet(set, undefined)).has(version)).toBe(set.has(version));
      }),
      propertyRuns(3000),
    );
  });
});
