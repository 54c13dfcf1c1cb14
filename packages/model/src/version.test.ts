import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import semver from "semver";
import { maxSatisfying, readRange, satisfies } from "./range.ts";
import { compareVersions, parseVersion, readVersion, tagToVersion, versionToTag } from "./version.ts";

const small = fc.integer({ min: 0, max: 3 });
const identifier = fc.constantFrom("0", "1", "2", "10", "alpha", "beta", "rc", "x-1", "-");
const prerelease = fc.oneof(
  { weight: 2, arbitrary: fc.constant("") },
  { weight: 1, arbitrary: fc.array(identifier, { minLength: 1, maxLength: 3 }).map((parts) => `-${parts.join(".")}`) },
);
const versionText = fc
  .tuple(small, small, small, prerelease, fc.constantFrom("", "", "+b.1"))
  .map(([major, minor, patch, pre, build]) => `${major}.${minor}.${patch}${pre}${build}`);
const partialText = fc.oneof(
  versionText,
  fc.tuple(small, small).map((parts) => parts.join(".")),
  small.map(String),
  fc.tuple(small, small).map(([major, minor]) => `${major}.${minor}.x`),
  small.map((major) => `${major}.*`),
  fc.constantFrom("*", "x", "X"),
);
const simpleText = fc
  .tuple(fc.constantFrom("", "^", "~", "~>", ">", ">=", "<", "<=", "=", "v", ">= ", "^ "), partialText)
  .map(([operator, partial]) => operator + partial);
const rangeText = fc
  .array(
    fc.oneof(
      { weight: 4, arbitrary: fc.array(simpleText, { minLength: 1, maxLength: 3 }).map((parts) => parts.join(" ")) },
      { weight: 1, arbitrary: fc.tuple(partialText, partialText).map(([from, to]) => `${from} - ${to}`) },
      { weight: 1, arbitrary: fc.constant("") },
    ),
    { minLength: 1, maxLength: 3 },
  )
  .map((parts) => parts.join(" || "));

describe("versions", () => {
  test("a version is read back as it was written", () => {
    fc.assert(
      fc.property(versionText, (text) => {
        expect(parseVersion(text).text).toBe(text);
        expect(tagToVersion(versionToTag(parseVersion(text)))?.text).toBe(text);
      }),
    );
  });

  test("precedence is node-semver's", () => {
    fc.assert(
      fc.property(versionText, versionText, (left, right) => {
        expect(Math.sign(compareVersions(parseVersion(left), parseVersion(right)))).toBe(semver.compare(left, right));
      }),
      { numRuns: 5000 },
    );
  });

  test.each([
    "",
    "1",
    "1.2",
    "v1.2.3",
    "01.2.3",
    "1.2.3-01",
    "1.2.3-",
    "1.2.3+",
    "1.2.3 ",
    "1.2.-3",
    "99999999999999999.0.0",
    `1.2.3-${"a".repeat(260)}`,
  ])("%p is no version", (text) => {
    expect(readVersion(text)).toBeUndefined();
    expect(() => parseVersion(text)).toThrow(expect.objectContaining({ code: "version/invalid" }));
  });
});

describe("ranges", () => {
  test("satisfies agrees with node-semver on 20 000 generated pairs", () => {
    fc.assert(
      fc.property(rangeText, fc.array(versionText, { minLength: 5, maxLength: 5 }), (text, versions) => {
        const range = readRange(text);
        const reference = semver.validRange(text);
        expect(range === undefined).toBe(reference === null);
        if (range === undefined) return;
        for (const version of versions) {
          expect([text, version, satisfies(parseVersion(version), range)]).toEqual([
            text,
            version,
            semver.satisfies(version, text),
          ]);
        }
      }),
      { numRuns: 4000 },
    );
  });

  test.each(["^1.2.3.4", ">>1", "1.2.3 -2", "latest", "^a", "1.2.3 || latest", "^99999999999999999999", "1 - 2 - 3"])(
    "%p is no range",
    (text) => expect(readRange(text)).toBeUndefined(),
  );

  test("a prerelease fits only where it is asked for", () => {
    const fits = (version: string, range: string) => satisfies(parseVersion(version), readRange(range) ?? never());
    expect(fits("1.3.0-beta.1", "^1.2.0")).toBe(false);
    expect(fits("1.2.0-beta.2", "^1.2.0-beta.1")).toBe(true);
    expect(fits("1.3.0-beta.2", "^1.2.0-beta.1")).toBe(false);
  });

  test("the highest version that fits is chosen", () => {
    const versions = ["1.0.0", "1.4.2", "2.0.0", "1.5.0-rc.1"].map(parseVersion);
    expect(maxSatisfying(versions, readRange("^1") ?? never())?.text).toBe("1.4.2");
    expect(maxSatisfying(versions, readRange("^3") ?? never())).toBeUndefined();
  });
});

function never(): never {
  throw new Error("the range should parse");
}
