import { describe, expect, test } from "bun:test";
import { isCpmError } from "@cpm/base";
import fc from "fast-check";
import { Budget } from "./budget.ts";
import { estimatedSize } from "./cel/patterns.ts";
import { checkTemplates } from "./check-templates.ts";
import { defaultTemplateLimits } from "./limits.ts";
import { parseTemplates } from "./parse-templates.ts";
import { renderTemplates } from "./render-templates.ts";
import { checkResources } from "./resources/resource.ts";
import { hostileExpressions, hostileTemplates } from "./testing/hostile.ts";
import { meter } from "./testing/metered.ts";
import { leaf, manifestWith, rendered, scopeWith, thrownFaults } from "./testing/templates.ts";
import { RE2JS } from "re2js";

const manifest = manifestWith([]);

/** The codes of the faults in which a template ends, through everything that is done with one. */
function outcome(text: string): string[] {
  const { documents, diagnostics } = parseTemplates([{ path: "t.yaml", text }]);
  checkTemplates(documents, manifest);
  const codes = diagnostics.map((fault) => fault.code);
  if (codes.length > 0) return [...new Set(codes)];
  try {
    checkResources(renderTemplates(documents, scopeWith({})));
    return [];
  } catch (error) {
    if (!isCpmError(error, "template/invalid")) throw error;
    return (error.diagnostics ?? []).map((fault) => fault.code);
  }
}

describe("hostile templates", () => {
  test.each(hostileTemplates.map(({ name, text, code }) => [name, code ?? "nothing", text] as const))(
    "%s ends in %s",
    (_name, code, text) => {
      const codes = outcome(text);
      if (code === "nothing") expect(codes).toEqual([]);
      else {
        expect(codes).toHaveLength(1);
        expect(codes[0]).toStartWith(code);
      }
    },
  );

  test("every fault of a budget has a place", () => {
    for (const { text, code } of hostileTemplates.filter((template) => template.code === "template/budget")) {
      const { documents, diagnostics } = parseTemplates([{ path: "t.yaml", text }]);
      if (diagnostics.length > 0) continue;
      const faults = thrownFaults(() => renderTemplates(documents, scopeWith({})));
      expect(faults).toHaveLength(1);
      expect(faults[0]).toMatch(new RegExp(`^${code} \\d+:\\d+$`));
    }
  });
});

describe("the budget of steps", () => {
  test.each([1000, 10_000, 40_000])("of %d bounds what hostile expressions do", (maxSteps) => {
    let total = 0;
    for (const source of hostileExpressions) {
      const { work, steps, exhausted } = meter(source, maxSteps);
      total += work;
      expect({ source, within: work <= maxSteps }).toEqual({ source, within: true });
      if (!exhausted) expect(work).toBeLessThanOrEqual(steps);
    }
    expect(total).toBeGreaterThan(maxSteps);
  });

  const expressions = fc.letrec<{ list: string; number: string; text: string }>((tie) => ({
    list: fc.oneof(
      { maxDepth: 4, depthIdentifier: "expression" },
      fc.integer({ min: 0, max: 60 }).map((count) => `range(${count})`),
      fc.tuple(tie("list"), tie("number")).map(([list, number]) => `${list}.map(x, ${number})`),
      fc.tuple(tie("list"), tie("list")).map(([left, right]) => `${left}.map(x, size(${right}))`),
      fc.tuple(tie("list"), tie("list")).map(([left, right]) => `(${left} + ${right})`),
      fc.tuple(tie("list"), tie("number")).map(([list, number]) => `${list}.filter(x, x < ${number})`),
      tie("text").map((text) => `${text}.split('').map(c, size(c))`),
    ),
    number: fc.oneof(
      { maxDepth: 4, depthIdentifier: "expression" },
      fc.constantFrom("1", "7", "100"),
      tie("list").map((list) => `size(${list})`),
      tie("text").map((text) => `size(${text})`),
      fc.tuple(tie("number"), tie("number")).map(([left, right]) => `(${left} + ${right})`),
      fc.tuple(tie("list"), tie("number")).map(([list, number]) => `(${list}.exists(y, y == ${number}) ? 1 : 2)`),
    ),
    text: fc.oneof(
      { maxDepth: 4, depthIdentifier: "expression" },
      fc.constantFrom("'a'", "'abcdefghijklmnopqrstuvwxyz'"),
      fc.tuple(tie("text"), tie("text")).map(([left, right]) => `(${left} + ${right})`),
      fc.tuple(tie("text"), tie("text")).map(([left, right]) => `${left}.replace('a', ${right})`),
      fc.tuple(tie("list"), tie("text")).map(([list, text]) => `${list}.map(z, string(z)).join(${text})`),
      tie("number").map((number) => `string(${number})`),
    ),
  }));

  test("bounds what any expression does, and nothing is done that is not paid for", () => {
    fc.assert(
      fc.property(
        fc.oneof(expressions.list, expressions.number, expressions.text),
        fc.constantFrom(500, 5000),
        (source, maxSteps) => {
          const { work, steps, exhausted } = meter(source, maxSteps);
          expect(work).toBeLessThanOrEqual(exhausted ? maxSteps : steps);
        },
      ),
    );
  });

  test("pays for every node of an expression, each time", () => {
    const limits = { ...defaultTemplateLimits, maxSteps: 1000 };
    const text = `kind: k\nname: n\nspec: [{$for: {x: "\${range(20)}"}, $value: "\${${"true&&".repeat(30)}true}"}]\n`;
    expect(thrownFaults(() => rendered(text, {}, limits))).toEqual(["template/budget 3:45"]);
    expect(rendered(text)).toHaveLength(1);
  });

  test("is one budget for all documents of a package", () => {
    const limits = { ...defaultTemplateLimits, maxSteps: 500 };
    const document = "kind: k\nname: n\nspec: ['${range(200)}']\n";
    expect(rendered(document, {}, limits)).toHaveLength(1);
    expect(thrownFaults(() => rendered(`${document}---\n${document}---\n${document}`, {}, limits))).toEqual([
      "template/budget 11:9",
    ]);
  });

  test("once exhausted it stays so", () => {
    const budget = new Budget({ ...defaultTemplateLimits, maxSteps: 10 });
    budget.chargeSteps(10);
    expect(budget.exhausted).toBeUndefined();
    for (const _ of [1, 2]) expect(() => budget.chargeSteps(1)).toThrow("more than 10 evaluation steps");
    expect(budget.exhausted?.code).toBe("template/budget");
    expect(budget.steps).toBe(11);
  });
});

describe("the limits of the output", () => {
  const small = { ...defaultTemplateLimits, maxOutputValues: 10, maxOutputLength: 40, maxDepth: 5 };
  test.each<[string, string]>([
    ["[${range(4)}, 1]", "nothing"],
    ["[${range(9)}]", "values"],
    ["[1, 2, 3, 4, 5, 6, 7, 8, 9]", "values"],
    ["['${\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}']", "nothing"],
    ["['${\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}']", "characters"],
    ["[xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx]", "characters"],
    ["['${release.name}xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx']", "characters"],
    ["['${{\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\": 1}}']", "characters"],
    ["'${[[[[1]]]]}'", "nothing"],
    ["'${[[[[[1]]]]]}'", "deeper"],
    ["[[[[[1]]]]]", "deeper"],
  ])("%s: %s", (spec, expected) => {
    const action = (): unknown =>
      rendered(`kind: k\nname: n\nspec: ${spec.replace(/^\[(\$\{.*?\})/, "['$1'")}\n`, {}, small);
    if (expected === "nothing") action();
    else expect(action).toThrow(expected);
  });
});

describe("patterns", () => {
  test("are estimated at no less than what they compile to", () => {
    const atom = fc.constantFrom(
      "a",
      ".",
      "[a-z0-9]",
      "[^]]",
      "\\d",
      "\\pL",
      "\\p{Greek}",
      "^",
      "$",
      "\\b",
      "(?i)b",
      "\\{",
      "x{0}",
    );
    const pattern = fc.letrec<{ pattern: string }>((tie) => ({
      pattern: fc.oneof(
        { maxDepth: 4 },
        atom,
        fc.tuple(tie("pattern"), tie("pattern")).map((parts) => parts.join("")),
        fc.tuple(tie("pattern"), tie("pattern")).map((parts) => `(${parts.join("|")})`),
        fc.tuple(tie("pattern"), fc.constantFrom("*", "+", "?", "*?")).map(([inner, times]) => `(?:${inner})${times}`),
        fc.tuple(tie("pattern"), fc.nat(9), fc.nat(9)).map(([inner, low, more]) => `(${inner}){${low},${low + more}}`),
        fc.tuple(tie("pattern"), fc.nat(20)).map(([inner, low]) => `(?:${inner}){${low},}`),
      ),
    })).pattern;
    fc.assert(
      fc.property(pattern, (text) => {
        const size = compiledSize(text);
        fc.pre(size !== undefined);
        expect(estimatedSize(text) + 10).toBeGreaterThanOrEqual(size);
      }),
      { numRuns: 500 },
    );
  });

  test.each<[string, number]>([
    ["^[a-z]{1,63}(\\.[a-z]{1,63}){0,7}$", 2000],
    ["^sha256:[0-9a-f]{64}$", 400],
    ["^(\\d{1,3}\\.){3}\\d{1,3}$", 200],
  ])("%s, as people write them, is small enough", (text, most) => {
    expect(estimatedSize(text)).toBeLessThanOrEqual(most);
    expect(leaf(`\${'!'.matches(${JSON.stringify(text)})}`)).toBe(false);
  });
});

function compiledSize(pattern: string): number | undefined {
  try {
    return RE2JS.compile(pattern).programSize();
  } catch {
    // Not a pattern, or one that RE2 finds too large itself.
    return undefined;
  }
}
