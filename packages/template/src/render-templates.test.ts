import { describe, expect, test } from "bun:test";
import type { JsonValue } from "@cpm/base";
import { canonicalJson, stringifyJson } from "@cpm/base";
import { Secret } from "@cpm/model";
import fc from "fast-check";
import { renderValues } from "./render-values.ts";
import { redactedJson } from "./rendered.ts";
import { leaf, rendered, scopeWith, thrownFaults } from "./testing/templates.ts";

const inputs = { count: 3n, name: "ada", on: true, off: false, ratio: 1.5, list: ["a", "b"], map: { z: 1n, a: [2n] } };

describe("leaves", () => {
  test.each<[string, JsonValue]>([
    ["plain", "plain"],
    ["${inputs.count}", 3],
    ["${inputs.ratio}", 1.5],
    ["${inputs.on}", true],
    ["${null}", null],
    ["${inputs.list}", ["a", "b"]],
    ["${inputs.map}", { z: 1, a: [2] }],
    ["n-${inputs.name}-${string(inputs.count)}", "n-ada-3"],
    ["$${inputs.name}", "${inputs.name}"],
    ["${inputs.count > 2 ? 'many' : 'few'}", "many"],
    ["${inputs.list.map(x, x + '!')}", ["a!", "b!"]],
    ["${range(inputs.count)}", [0, 1, 2]],
    ["${sortedKeys(inputs.map).join('+')}", "a+z"],
    ["${{'a': {'b': [1, null]}}}", { a: { b: [1, null] } }],
    ["${release.name + '/' + string(release.revision) + '@' + release.colony}", "rel/3@dev"],
    ["${package.name + package.version + package.path}", "a/b1.2.0/p"],
    ["${'héllo'.upperAscii() + 'Ab'.lowerAscii()}", "HéLLOab"],
    ["${'a,b,c'.split(',', 2)}", ["a", "b,c"]],
    ["${'abc'.matches('^a.c$')}", true],
  ])("%s", (text, expected) => {
    expect(leaf(text, inputs)).toEqual(expected);
  });

  test.each<[string, string]>([
    [" ${inputs.count}", "template/mixed-string 4:7"],
    ["a ${inputs.list}", "template/mixed-string 4:8"],
    ["${inputs.nope}", "template/evaluation 4:6"],
    ["${nope}", "template/evaluation 4:6"],
    ["${constructor}", "template/evaluation 4:6"],
    ["${inputs.count / 0}", "template/evaluation 4:6"],
    ["${inputs.list[2]}", "template/evaluation 4:6"],
    ["${int('1.5')}", "template/evaluation 4:6"],
    ["${int('')}", "template/evaluation 4:6"],
    ["${double('0x10')}", "template/evaluation 4:6"],
    ["${range(-1)}", "template/evaluation 4:6"],
    ["${range(10001)}", "template/evaluation 4:6"],
    ["${'a'.matches('(')}", "template/evaluation 4:6"],
    ["${'a'.replace('', 'b')}", "template/evaluation 4:6"],
    ["${[1].join()}", "template/evaluation 4:6"],
    // What JSON cannot hold.
    ["${1u}", "template/evaluation 4:6"],
    ["${b'a'}", "template/evaluation 4:6"],
    ["${int}", "template/evaluation 4:6"],
    ["${{1: 2}}", "template/evaluation 4:6"],
    ["${1.0 / 0.0}", "template/evaluation 4:6"],
    ["${'𝄞'.substring(0, 1)}", "template/evaluation 4:6"],
  ])("%s fails with %s", (text, expected) => {
    expect(thrownFaults(() => leaf(text, inputs))).toEqual([expected]);
  });
});

describe("structural keys", () => {
  const spec = (text: string): JsonValue =>
    (rendered(`kind: k\nname: n\nspec: ${text}\n`, inputs)[0] as { spec: JsonValue }).spec;
  test.each<[string, JsonValue]>([
    ["{a: {$if: '${inputs.on}', b: 1}}", { a: { b: 1 } }],
    ["{a: {$if: '${inputs.off}', b: 1}, c: 2}", { c: 2 }],
    ["{a: {$if: '${inputs.on}', $value: 7}}", { a: 7 }],
    ["[{$if: '${inputs.off}', a: 1}, {$if: '${inputs.on}', $value: [1]}]", [[1]]],
    ["[0, {$for: {x: '${inputs.list}'}, $value: '${x}'}, 9]", [0, "a", "b", 9]],
    ["[{$for: {x: '${inputs.list}'}, name: 'n-${x}'}]", [{ name: "n-a" }, { name: "n-b" }]],
    ["[{$for: {x: '${range(4)}'}, $if: '${x % 2 == 1}', $value: '${x}'}]", [1, 3]],
    [
      "[{$for: {x: '${range(2)}'}, l: [{$for: {y: '${range(x + 1)}'}, $value: '${x * 10 + y}'}]}]",
      [{ l: [0] }, { l: [10, 11] }],
    ],
    ["{$$if: 1, $$$x: 2, a$: 3}", { $if: 1, $$x: 2, a$: 3 }],
    ["{__proto__: 1, constructor: 2}", JSON.parse('{"__proto__": 1, "constructor": 2}') as JsonValue],
  ])("%s", (text, expected) => {
    expect(stringifyJson(spec(text))).toBe(stringifyJson(expected));
  });

  test("on whole documents", () => {
    const text = "$for: {x: '${inputs.list}'}\n$if: \"${x != 'a'}\"\nkind: k\nname: n-${x}\nspec: {}\n";
    expect(rendered(text, inputs)).toEqual([{ kind: "k", name: "n-b", spec: {} }]);
  });

  test.each<[string, string]>([
    ["{a: {$if: '${inputs.count}'}}", "template/wrong-type 3:18"],
    ["[{$for: {x: '${inputs.count}'}}]", "template/wrong-type 3:20"],
  ])("%s fails with %s", (text, expected) => {
    expect(thrownFaults(() => spec(text))).toEqual([expected]);
  });
});

describe("numbers", () => {
  const low = -(2n ** 63n);
  const high = 2n ** 63n - 1n;

  test("every integer of 64 bits comes out as it went in", () => {
    const int64 = fc.oneof(
      fc.bigInt({ min: low, max: high }),
      fc.constantFrom(low, high, 2n ** 53n, 2n ** 53n + 1n, 0n),
    );
    fc.assert(
      fc.property(int64, (value) => {
        const given = { n: value, deep: { list: [value] } };
        const expected = integerToJson(value);
        expect(leaf("${inputs.n}", given)).toBe(expected);
        expect(leaf("${inputs.deep.list[0]}", given)).toBe(expected);
        expect(leaf("${{'a': [inputs.n]}.a[0]}", given)).toBe(expected);
        expect(leaf("${int(string(inputs.n))}", given)).toBe(expected);
        expect(leaf("${string(inputs.n)}", given)).toBe(String(value));
        expect(stringifyJson(leaf("${[inputs.n].map(x, x)}", given))).toBe(`[${value}]`);
        expect(leaf(`\${${value}}`, given)).toBe(expected);
      }),
    );
  });

  test("arithmetic is exact or fails at its place", () => {
    const int64 = fc.bigInt({ min: low, max: high });
    fc.assert(
      fc.property(int64, int64, fc.constantFrom("+", "-", "*"), (left, right, operator) => {
        const exact = operator === "+" ? left + right : operator === "-" ? left - right : left * right;
        const action = (): JsonValue => leaf(`\${inputs.a ${operator} inputs.b}`, { a: left, b: right });
        if (exact >= low && exact <= high) expect(action()).toBe(integerToJson(exact));
        else expect(thrownFaults(action)).toEqual(["template/evaluation 4:6"]);
      }),
    );
  });

  test.each([
    "${inputs.n}",
    "${[inputs.n]}",
    "${{'a': inputs.n}}",
    "${9223372036854775808}",
    "${-9223372036854775809}",
  ])("%s, above 64 bits, is an error with its place", (text) => {
    expect(thrownFaults(() => leaf(text, { n: 2n ** 63n }))).toEqual(["template/evaluation 4:6"]);
  });
});

/** Any tree that JSON can hold, with text that looks like templates; keys do without `${`, which none may have. */
const tree = fc.letrec<{ tree: JsonValue }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4 },
    fc.oneof(
      fc.constant(null),
      fc.boolean(),
      fc.maxSafeInteger(),
      fc
        .double({ noNaN: true, noDefaultInfinity: true })
        .map((value) => (Number.isInteger(value) ? value + 0.5 : value))
        .filter((value) => !Number.isInteger(value)),
      fc.string({ unit: "grapheme", maxLength: 12 }),
      fc.constantFrom("$", "$$", "{}", "}", "{", "$ {", "yes", "1", "null", "~", "a: b", "#", "- x", "'", '"', "a\nb"),
    ),
    fc.array(tie("tree"), { maxLength: 4 }),
    fc.dictionary(fc.string({ unit: "grapheme", maxLength: 6 }), tie("tree"), { maxKeys: 4, noNullPrototype: true }),
  ),
})).tree;

describe("a whole template", () => {
  test("without expressions it renders to itself, whatever it holds", () => {
    fc.assert(
      fc.property(tree, fc.boolean(), (value, escaped) => {
        const spec = escaped ? escapeTree(value) : value;
        fc.pre(escaped || !looksLikeTemplate(value));
        const [document] = rendered(stringifyJson({ kind: "k", name: "n", spec }, escaped ? 0 : 2));
        expect(canonicalJson(document ?? null)).toBe(canonicalJson({ kind: "k", name: "n", spec: value }));
      }),
      { numRuns: 300 },
    );
  });

  test("rendering is deterministic, to the order of its keys", () => {
    fc.assert(
      fc.property(tree, fc.bigInt({ min: 0n, max: 20n }), (value, count) => {
        const spec = escapeTree(value);
        const text = stringifyJson({
          kind: "k",
          name: "${inputs.name}",
          spec: [
            spec,
            "${range(inputs.n).map(x, {string(x): inputs.tree})}",
            "${inputs.tree}",
            { $if: "${inputs.n > 3}", $value: "${sortedKeys({'b': 1, 'a': 2})}" },
          ],
        });
        const given = { name: "x", n: count, tree: { b: "1", a: [true] } };
        expect(stringifyJson(rendered(text, given))).toBe(stringifyJson(rendered(text, given)));
      }),
    );
  });
});

describe("values of a manifest", () => {
  test("render with their types, and name their place in faults", () => {
    const scope = scopeWith({ n: 2n, token: new Secret("hush") });
    const entries = renderValues(
      { url: "x${inputs.n > 1 ? 'y' : ''}", list: "${range(inputs.n)}", t: "${inputs.token}" },
      "colony.yaml",
      scope,
    );
    expect(entries.map(({ key, value }) => [key, redactedJson(value)])).toEqual([
      ["url", "xy"],
      ["list", [0, 1]],
      ["t", "***"],
    ]);
    expect(renderValues({}, "colony.yaml", scope)).toEqual([]);
    expect(thrownFaults(() => renderValues({ a: "${" }, "colony.yaml", scope))[0]).toStartWith("template/syntax");
  });
});

/** The same tree as a template that renders to it. */
function escapeTree(value: JsonValue): JsonValue {
  if (typeof value === "string") return value.replaceAll("${", "$${");
  if (Array.isArray(value)) return value.map((item: JsonValue) => escapeTree(item));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value as Record<string, JsonValue>).map(([key, item]) => [
      key.startsWith("$") ? `$${key}` : key,
      escapeTree(item),
    ]),
  );
}

function looksLikeTemplate(value: JsonValue): boolean {
  if (typeof value === "string") return value.includes("${");
  if (Array.isArray(value)) return value.some((item: JsonValue) => looksLikeTemplate(item));
  if (typeof value !== "object" || value === null) return false;
  return Object.entries(value as Record<string, JsonValue>).some(
    ([key, item]) => key.startsWith("$") || looksLikeTemplate(item),
  );
}

/** As rendered JSON holds an integer: a number where a double is exact. */
function integerToJson(value: bigint): JsonValue {
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}
