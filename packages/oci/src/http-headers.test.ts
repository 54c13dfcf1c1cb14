import { expect, test } from "bun:test";
import { isCpmError } from "@cpm/base";
import fc from "fast-check";
import { parseErrorBody } from "./error-body.ts";
import {
  formatChallenge,
  formatNextLink,
  parseChallenges,
  parseContentRange,
  parseNextLink,
  parseRangeRequest,
  parseUploadRange,
} from "./http-headers.ts";
import { isRepositoryName, isTag } from "./names.ts";

test("challenges are read whatever their order, case and quoting", () => {
  const value =
    'Bearer realm="https://auth.example/token",service="r,x",scope="repository:a/b:pull,push", Basic realm=plain';
  expect(parseChallenges(value)).toEqual([
    {
      scheme: "bearer",
      parameters: { realm: "https://auth.example/token", service: "r,x", scope: "repository:a/b:pull,push" },
    },
    { scheme: "basic", parameters: { realm: "plain" } },
  ]);
  expect(parseChallenges('Negotiate, Basic realm="a \\"b\\""')).toEqual([
    { scheme: "negotiate", parameters: {} },
    { scheme: "basic", parameters: { realm: 'a "b"' } },
  ]);
});

test("a challenge that is written is read back", () => {
  const text = fc.string({ unit: "grapheme-ascii", maxLength: 30 });
  fc.assert(
    fc.property(text, text, (realm, scope) => {
      expect(parseChallenges(formatChallenge("Bearer", { realm, scope }))).toEqual([
        { scheme: "bearer", parameters: { realm, scope } },
      ]);
    }),
  );
});

test.each(["Bearer realm=", 'Bearer realm="open', "=", "Bearer realm=a b=c=d", "B".repeat(9000)])(
  "%p is no challenge",
  (value) => {
    expect(() => parseChallenges(value)).toThrow();
    try {
      parseChallenges(value);
    } catch (error) {
      expect(isCpmError(error, "oci/invalid-header")).toBe(true);
    }
  },
);

test.each([
  ["bytes=0-4", 10, { start: 0, end: 4 }],
  ["bytes=5-", 10, { start: 5, end: 9 }],
  ["bytes=-3", 10, { start: 7, end: 9 }],
  ["bytes=-30", 10, { start: 0, end: 9 }],
  ["bytes=8-20", 10, { start: 8, end: 9 }],
  ["bytes=10-", 10, "unsatisfiable"],
  ["bytes=5-2", 10, "unsatisfiable"],
  ["bytes=-0", 10, "unsatisfiable"],
  ["bytes=0-0", 0, "unsatisfiable"],
  ["bytes=0-1,4-5", 10, undefined],
  ["items=0-1", 10, undefined],
  ["bytes=a-b", 10, undefined],
] as const)("the range %p of %i bytes", (value, sizeBytes, expected) => {
  expect(parseRangeRequest(value, sizeBytes)).toEqual(expected as never);
});

test.each([
  ["0-9", { start: 0, end: 9 }],
  ["bytes=3-7", { start: 3, end: 7 }],
  ["bytes 3-7/20", { start: 3, end: 7 }],
  ["9-0", undefined],
  ["0-", undefined],
  ["1e3-2e3", undefined],
] as const)("the upload range %p", (value, expected) => {
  expect(parseUploadRange(value)).toEqual(expected as never);
});

test.each([
  ["bytes 0-9/100", { start: 0, end: 9, sizeBytes: 100 }],
  ["bytes 0-9/*", { start: 0, end: 9 }],
  ["bytes */100", undefined],
  ["bytes 9-0/100", undefined],
] as const)("the content range %p", (value, expected) => {
  expect(parseContentRange(value)).toEqual(expected as never);
});

test("the next page is found among links, and written as it is read", () => {
  expect(parseNextLink('</v2/a/tags/list?n=1&last=b>; rel="next"')).toBe("/v2/a/tags/list?n=1&last=b");
  expect(parseNextLink("<a>; rel=prev, <b>; title=x; rel=next")).toBe("b");
  expect(parseNextLink("<a>; rel=prev")).toBeUndefined();
  expect(parseNextLink(formatNextLink("/v2/x?n=2"))).toBe("/v2/x?n=2");
});

test("errors of registries are read, and pages of proxies give none", () => {
  const body = { errors: [{ code: "DENIED", message: "no\u001b[31m", detail: { a: 1 } }, { message: "no code" }, 5] };
  expect(parseErrorBody(Buffer.from(JSON.stringify(body)))).toEqual([
    { code: "DENIED", message: "no\\u{1b}[31m", detail: { a: 1 } },
  ]);
  expect(parseErrorBody(Buffer.from("<html>502</html>"))).toEqual([]);
});

test.each([
  ["a", true],
  ["library/hello", true],
  ["a__b/c-d/e.f", true],
  ["a---b", true],
  ["blobs/uploads", true],
  ["A/b", false],
  ["a//b", false],
  ["/a", false],
  ["a/", false],
  ["a/../b", false],
  ["a___b", false],
  ["-a", false],
  ["a".repeat(256), false],
])("the repository name %p", (name, expected) => {
  expect(isRepositoryName(name)).toBe(expected);
});

test.each([
  ["1.0.0", true],
  ["1.0.0_build.5", true],
  ["_x", true],
  ["a".repeat(128), true],
  ["a".repeat(129), false],
  ["1.0.0+build", false],
  [".x", false],
  ["", false],
  ["a/b", false],
])("the tag %p", (tag, expected) => {
  expect(isTag(tag)).toBe(expected);
});
