import { expect, test } from "bun:test";
import fc from "fast-check";
import { canonicalJson, parseJson, stringifyJson } from "./json.ts";
import type { JsonValue } from "./json.ts";
import { isCpmError } from "./errors.ts";

function codeOf(text: string): string {
  try {
    parseJson(text);
    return "parsed";
  } catch (error) {
    return isCpmError(error) ? error.code : "another error";
  }
}

test("integers beyond a double stay exact", () => {
  expect(parseJson("9223372036854775807")).toBe(9223372036854775807n);
  expect(parseJson("-9007199254740993")).toBe(-9007199254740993n);
  expect(parseJson("9007199254740991")).toBe(9007199254740991);
  expect(stringifyJson({ at: 1795328128848498001n })).toBe('{"at":1795328128848498001}');
});

test("what RFC 8259 refuses is refused", () => {
  const refused = [
    "",
    "01",
    "+1",
    "1.",
    ".5",
    "1e",
    "'a'",
    "[1,]",
    "{,}",
    '{"a":1,}',
    "nul",
    "NaN",
    "Infinity",
    '"\t"',
    '"\\x"',
    '"\\u12"',
    "1 2",
    '{"a" 1}',
    "[1 2]",
    '"a',
    "1e999",
    "\ufeff1",
  ];
  expect(refused.filter((text) => codeOf(text) !== "json/invalid")).toEqual([]);
});

test("a key twice in one object is refused", () => {
  expect(codeOf('{"a":1,"a":2}')).toBe("json/invalid");
  expect(parseJson('{"a":1,"a":2}', { uniqueKeys: false })).toEqual({ a: 2 });
});

test("nesting has a limit", () => {
  expect(codeOf("[".repeat(129) + "]".repeat(129))).toBe("json/invalid");
  expect(codeOf("[".repeat(128) + "]".repeat(128))).toBe("parsed");
});

test("an error names file, line and column", () => {
  expect(() => parseJson('{\n  "a": tru\n}', { file: "spec.json" })).toThrow("spec.json:2:8: expected a value");
});

test("__proto__ is an ordinary key", () => {
  const value = parseJson('{"__proto__":{"polluted":true}}');
  expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  expect(stringifyJson(value)).toBe('{"__proto__":{"polluted":true}}');
});

test("the canonical form sorts keys by UTF-16 code units (RFC 8785, 3.2.3)", () => {
  const value: JsonValue = { "\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\ud83d\ude00": 5, "\u0080": 6, "\u00f6": 7 };
  expect(canonicalJson(value)).toBe('{"\\r":2,"1":4,"\u0080":6,"\u00f6":7,"\u20ac":1,"\ud83d\ude00":5,"\ufb33":3}');
});

test("numbers take the shortest form (RFC 8785, appendix B)", () => {
  expect(canonicalJson([-0, 5e-324, 1e21, 333333333.3333332, 4.5, 2e-3, 1e-27])).toBe(
    "[0,5e-324,1e+21,333333333.3333332,4.5,0.002,1e-27]",
  );
  expect(() => canonicalJson(Number.NaN)).toThrow(TypeError);
  expect(() => canonicalJson("\ud800")).toThrow(TypeError);
});

test("agrees with the language's own parser and writer", () => {
  fc.assert(
    fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
      const text = JSON.stringify(value);
      expect(stringifyJson(parseJson(text))).toBe(JSON.stringify(JSON.parse(text)));
    }),
  );
});
