import { describe, expect, test } from "bun:test";
import { formatDiagnostic } from "@cpm/base";
import { defaultTemplateLimits } from "./limits.ts";
import { parseTemplates } from "./parse-templates.ts";
import { summary } from "./testing/templates.ts";

function faults(text: string): string[] {
  return parseTemplates([{ path: "t.yaml", text }]).diagnostics.map(summary);
}

const head = "kind: Function\nname: f\n";

describe("documents", () => {
  test("several in one file, empty ones left out, JSON as well", () => {
    const text = `${head}spec: {}\n---\n---\n{"kind": "Cron", "name": "c", "spec": {}}\n`;
    const { documents, diagnostics } = parseTemplates([
      { path: "a.yaml", text },
      { path: "b.yaml", text: "" },
    ]);
    expect(diagnostics).toEqual([]);
    expect(documents).toHaveLength(2);
  });

  test.each<[string, string[]]>([
    ["- 1\n", ["template/document 1:1"]],
    ["text\n", ["template/document 1:1"]],
    [head, ["template/document 1:1"]],
    [`${head}spec: {}\nspecs: {}\n`, ["template/document 4:1"]],
    [`${head}spec: [\n`, ["source/syntax 4:1"]],
    [`${head}spec: {a: &x 1}\n`, ["source/unsupported 3:14"]],
    [`${head}spec: {}\nname: g\n`, ["source/syntax 4:1"]],
  ])("%j has the faults %j", (text, expected) => {
    expect(faults(text)).toEqual(expected);
  });

  test("a document with faults is left out, the others are kept", () => {
    const { documents, diagnostics } = parseTemplates([
      { path: "t.yaml", text: `${head}spec: "\${"\n---\n${head}spec: {}\n` },
    ]);
    expect(diagnostics.map(summary)).toEqual(["template/syntax 3:8"]);
    expect(documents).toHaveLength(1);
  });
});

describe("structural keys", () => {
  test.each<[string, string[]]>([
    ["{$if: '${true}', a: 1}", []],
    ["{$if: '${true}', $value: 1}", []],
    ["[{$for: {x: '${[1]}'}, a: 1}]", []],
    ["[{$for: {x: '${[1]}'}, $if: '${true}', $value: '${x}'}]", []],
    ["{$$if: 1, $$x: 2}", []],
    ["{$if: true}", ["template/structure 3:13"]],
    ["{$if: 'true'}", ["template/structure 3:13"]],
    // What is text with an expression in it is a string, never true or false.
    ["{$if: 'x${true}'}", ["template/structure 3:13"]],
    ["{$if: '${'}", ["template/syntax 3:14"]],
    ["{a: {$for: {x: '${[1]}'}, b: 1}}", ["template/structure 3:12"]],
    ["[{$for: '${[1]}'}]", ["template/structure 3:15"]],
    ["[{$for: {x: '${[1]}', y: '${[1]}'}}]", ["template/structure 3:15"]],
    ["[{$for: {X: '${[1]}'}}]", ["template/structure 3:15"]],
    ["[{$for: {x: [1]}}]", ["template/structure 3:19"]],
    ["[{$for: {inputs: '${[1]}'}}]", ["template/structure 3:16"]],
    ["{$value: 1}", ["template/structure 3:8"]],
    ["{$if: '${true}', $value: 1, a: 2}", ["template/structure 3:24"]],
    ["{$iff: '${true}'}", ["template/structure 3:8"]],
    ["{'${a}': 1}", ["template/structure 3:8"]],
  ])("spec: %s has the faults %j", (spec, expected) => {
    expect(faults(`${head}spec: ${spec}\n`)).toEqual(expected);
  });
});

describe("expressions", () => {
  test.each<[string, string]>([
    ["${}", "template/syntax 3:7"],
    ["${ }", "template/syntax 3:10"],
    ["${1 +}", "template/syntax 3:12"],
    ["${a b}", "template/syntax 3:11"],
    ["${nope(1)}", "template/unknown-function 3:9"],
    ["${inputs.a.format([1])}", "template/unknown-function 3:20"],
    ["${constructor(1)}", "template/unknown-function 3:9"],
    ["${timestamp('2020-01-01T00:00:00Z')}", "template/unknown-function 3:9"],
    ["'${google.protobuf.Duration{seconds: 1}}'", "template/unknown-function 3:10"],
  ])("%s is refused with %s", (expression, expected) => {
    expect(
      faults(`${head}spec: ${JSON.stringify(expression).slice(1, -1)}\n`).map((fault) => fault.replace(/\d+$/, "")),
    ).toEqual([expected.replace(/\d+$/, "")]);
  });

  test("a fault points at the part that is wrong, with a hint", () => {
    const { diagnostics } = parseTemplates([{ path: "t.yaml", text: `${head}spec:\n  a: x \${1 + + 2}\n` }]);
    expect(diagnostics.map(formatDiagnostic)).toEqual([
      `t.yaml:4:12: error: the expression cannot be read at "+ + 2" [template/syntax]
  4 |   a: x \${1 + + 2}
    |            ^
  hint: Expressions are CEL: inputs.name, 'text' + string(inputs.count), condition ? a : b. Write $\${ for a literal \${.`,
    ]);
    expect(
      parseTemplates([{ path: "t.yaml", text: `${head}spec: \${inputs.a.uperAscii()}\n` }]).diagnostics[0]?.hint,
    ).toBe('Did you mean "upperAscii"?');
  });

  test("package is a root, though CEL reserves the word; only as a name", () => {
    const sources = [
      "package.path",
      "package . path",
      "'package' + package.name",
      "inputs.package",
      "[1].map(p, package)",
      "r'\\' + package.name",
    ];
    for (const source of sources) expect(faults(`${head}spec:\n  a: >-\n    \${${source}}\n`)).toEqual([]);
    expect(faults(`${head}spec: \${import.x}\n`)).toEqual(["template/syntax 3:9"]);
  });
});

describe("limits of the text", () => {
  const { maxTextLength, maxTextMarks, maxDocuments, maxExpressionLength, maxExpressionNodes } = defaultTemplateLimits;
  const { maxExpressionsLength, maxExpressionsWords } = defaultTemplateLimits;
  const distinct = (count: number, each: (index: number) => string): string =>
    `${head}spec:\n${Array.from({ length: count }, (_, index) => `  - \${${each(index)}}\n`).join("")}`;
  test.each<[string, string, string]>([
    ["characters", `${head}spec: ${"x".repeat(maxTextLength)}\n`, "characters"],
    ["values", `${head}spec: [${"1,".repeat(maxTextMarks)}]\n`, "line ends"],
    ["documents", `${head}spec: {}\n---\n`.repeat(maxDocuments), "documents"],
    ["one expression", `${head}spec: \${'${"x".repeat(maxExpressionLength)}'}\n`, "2050 characters"],
    ["parts of one expression", `${head}spec: \${${"1+".repeat(maxExpressionNodes / 2)}1}\n`, "1001 parts"],
    [
      "text of all expressions",
      distinct(20, (index) => `'${index}${"x".repeat(maxExpressionsLength / 20)}'`),
      "characters together",
    ],
    [
      "words of all expressions",
      distinct(maxExpressionsWords / 4, (index) => `a+b+c+${index}`),
      "words and signs together",
    ],
  ])("%s", (_, text, message) => {
    const { documents, diagnostics } = parseTemplates([{ path: "t.yaml", text }]);
    expect(documents).toEqual([]);
    expect(diagnostics.map((fault) => fault.code)).toContain("template/budget");
    expect(diagnostics.map((fault) => fault.message).join()).toContain(message);
  });

  test.each<[string, string]>([
    ["one expression", `\${'${"x".repeat(maxExpressionLength - 2)}'}`],
    ["parts of one expression", `\${${"1+".repeat(maxExpressionNodes / 2 - 1)}1}`],
  ])("just below the limit of %s", (_, expression) => {
    expect(faults(`${head}spec: ${expression}\n`)).toEqual([]);
  });

  test("an expression that stands often counts once", () => {
    expect(faults(distinct(3500, () => "inputs.shards + 1"))).toEqual([]);
  });

  test("no more than a hundred faults are kept, and no documents", () => {
    const { documents, diagnostics } = parseTemplates([
      { path: "t.yaml", text: `${distinct(3000, () => "1 +")}---\n${head}spec: {}\n` },
    ]);
    expect(diagnostics).toHaveLength(100);
    expect(documents).toEqual([]);
  });
});
