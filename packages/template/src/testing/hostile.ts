import { defaultTemplateLimits } from "../limits.ts";

/** A template that means harm, and the fault in which it must end; undefined where it is only large. */
export interface HostileTemplate {
  readonly name: string;
  readonly text: string;
  readonly code: string | undefined;
}

const head = "kind: Function\nname: f\nspec:\n";
const one = (expression: string): string => `${head}  kwargs: {a: ${JSON.stringify(`\${${expression}}`)}}\n`;
const many = (expressions: readonly string[]): string =>
  `${head}  args:\n${expressions.map((expression) => `  - ${JSON.stringify(`\${${expression}}`)}\n`).join("")}`;
const times = (count: number, each: (index: number) => string): string[] =>
  Array.from({ length: count }, (_, index) => each(index));
const { maxExpressionLength, maxExpressionsWords, maxTextMarks, maxTextLength, maxDocuments, maxOutputValues } =
  defaultTemplateLimits;

/** Doubles a value n times: each loop has one turn, and its variable stands twice in its body. */
const doubled = (start: string, count: number, body: (variable: string) => string): string =>
  times(count, (index) => `.map(v${index}, ${body(`v${index}`)})`).reduce((text, loop) => text + loop, `[${start}]`);

const evaluation: readonly (readonly [string, string, string | undefined])[] = [
  ["loops in loops", nestedLoops(8), "template/budget"],
  ["loops over what loops built", `range(9000)${".map(x, x)".repeat(20)}`, "template/budget"],
  ["a loop that never says yes", "range(10000).exists(x, range(10000).all(y, y >= 0) && false)", "template/budget"],
  ["a budget failure swallowed by ||", `${nestedLoops(5)} == [] || true`, "template/budget"],
  ["a budget failure swallowed in a loop", `range(100).exists(x, ${nestedLoops(4)} == [] || true)`, "template/budget"],
  ["text that doubles", `${doubled("'xxxxxxxxxxxxxxxx'", 40, (v) => `${v} + ${v}`)}.size()`, "template/budget"],
  [
    "text that doubles and is never looked at",
    `size(${doubled("'xxxxxxxxxxxxxxxx'", 40, (v) => `${v} + ${v}`)})`,
    "template/budget",
  ],
  ["lists that share their parts", `${doubled("1", 60, (v) => `[${v}, ${v}]`)} == []`, "template/budget"],
  ["lists that share their parts, as output", doubled("1", 60, (v) => `[${v}, ${v}]`), "template/budget"],
  ["maps that share their parts, as output", doubled("1", 60, (v) => `{'a': ${v}, 'b': ${v}}`), "template/budget"],
  ["lists that double", doubled("[1]", 60, (v) => `${v} + ${v}`), "template/budget"],
  ["replace that grows", doubled("'xx'", 12, (v) => `${v}.replace('x', 'xxxxxxxxxxxxxxxx')`), "template/budget"],
  [
    "split of a long text",
    `${doubled("'xxxxxxxxxxxxxxxx'", 14, (v) => `${v} + ${v}`)}.map(t, t.split(''))`,
    "template/budget",
  ],
  [
    "join with a long separator",
    `${doubled("'xxxxxxxxxxxxxxxx'", 13, (v) => `${v} + ${v}`)}.map(t, range(9999).map(x, '').join(t))`,
    "template/budget",
  ],
  [
    "ascii casing of a long text",
    `${doubled("'xxxxxxxxxxxxxxxx'", 15, (v) => `${v} + ${v}`)}.map(t, t.upperAscii().lowerAscii())`,
    "template/budget",
  ],
  ["an expression that repeats", `'x'.matches('((a{100}){100})')`, "template/evaluation"],
  ["a pattern of many repetitions", `'x'.matches('${"(a{1000})".repeat(100)}')`, "template/evaluation"],
  ["a large repeated group", `'x'.matches('(${"abcdefgh".repeat(100)}){1000}')`, "template/evaluation"],
  [
    "a pattern that would backtrack",
    `${doubled("'aaaaaaaaaaaaaaaa'", 14, (v) => `${v} + ${v}`)}.map(t, t.matches('^(a+)+$b'))`,
    "template/budget",
  ],
  [
    "many alternatives over a long text",
    `${doubled("'aaaaaaaaaaaaaaaa'", 10, (v) => `${v} + ${v}`)}.map(t, t.matches('(${"a?".repeat(200)})${"a".repeat(200)}b'))`,
    "template/budget",
  ],
  [
    "patterns without end",
    `range(9000).map(x, 'a'.matches('${"[a-z]{1,20}".repeat(20)}' + string(x)))`,
    "template/budget",
  ],
  ["deep brackets", `${"[".repeat(900)}1${"]".repeat(900)}`, "template/budget"],
  ["deep brackets in a comparison", `${"[".repeat(400)}1${"]".repeat(400)} == []`, "template/evaluation"],
  ["deep parentheses", `${"(".repeat(1000)}1${")".repeat(1000)}`, undefined],
  ["deep parentheses that never close", "(".repeat(2000), "template/syntax"],
  ["deep negation", `${"!".repeat(2000)}true`, undefined],
  ["deep conditions", `${"a?b:".repeat(511)}c`, "template/budget"],
  ["deep maps", `${"{'a':".repeat(330)}1${"}".repeat(330)}`, "template/budget"],
  ["a chain of fields", `inputs${".a".repeat(995)}`, "template/evaluation"],
  ["a list of very many numbers", `[${"1,".repeat(996)}1]`, undefined],
  ["a list of more numbers", `[${"1,".repeat(1000)}1]`, "template/budget"],
  ["recursion in text", "'${${${${' + '}}}}'", undefined],
  ["a text as long as may be", `'${"x".repeat(maxExpressionLength - 2)}'`, undefined],
  ["a text one longer", `'${"x".repeat(maxExpressionLength - 1)}'`, "template/budget"],
  ["a number of very many digits", `int('${"9".repeat(2000)}')`, "template/evaluation"],
  ["a huge range", "range(9223372036854775807)", "template/evaluation"],
  ["ranges of ranges", "range(9999).map(x, range(9999))", "template/budget"],
];

const structure: readonly HostileTemplate[] = [
  { name: "$for over $for over $for", text: `${head}  args:\n${nestedFor(6)}`, code: "template/budget" },
  {
    name: "$for that gives nothing",
    text: `${head}  args: [{$for: {a: "\${range(9999)}"}, $if: "\${false}", $value: 1}, {$for: {b: "\${range(9999)}"}, $if: "\${false}", $value: 1}, {$for: {c: "\${range(9999)}"}, $if: "\${false}", $value: 1}]\n`,
    code: "template/budget",
  },
  {
    name: "$for over large content",
    text: `${head}  args: [{$for: {a: "\${range(9999)}"}, $value: [${"1,".repeat(2000)}1]}]\n`,
    code: "template/budget",
  },
  {
    name: "$for over a costly expression",
    text: `${head}  args: [{$for: {a: "\${range(9999)}"}, $value: "\${${"true&&".repeat(300)}true}"}]\n`,
    code: "template/budget",
  },
  {
    name: "$for over long text",
    text: `${head}  args: [{$for: {a: "\${range(9999)}"}, $value: "${"x".repeat(1000)}"}]\n`,
    code: "template/budget",
  },
  {
    name: "documents by $for",
    text: `$for: {a: "\${range(9999)}"}\nkind: Function\nname: f\nspec: {args: [1, 2, 3, 4, 5]}\n`,
    code: "template/budget",
  },
  { name: "100 000 leaves", text: `${head}  args: [${"1,".repeat(100_000)}1]\n`, code: "template/budget" },
  { name: "as many leaves as may be", text: `${head}  args: [${"1,".repeat(maxTextMarks - 20)}1]\n`, code: undefined },
  {
    name: "as many expressions as may be",
    text: many(times(maxExpressionsWords / 7 - 10, (index) => `a${index}+1`)),
    code: "template/evaluation",
  },
  { name: "one expression very often", text: many(times(3000, () => "inputs")), code: undefined },
  {
    name: "the slowest expressions to parse",
    text: many(times(20, (index) => `a${index}${"?b:c".repeat(100)}`)),
    code: "template/budget",
  },
  {
    name: "many conditions",
    text: many(times(2, (index) => `${"a?b:".repeat(240)}c${index}`)),
    code: "template/evaluation",
  },
  { name: "many faults", text: many(times(2500, (index) => `1 +* ${index}`)), code: "template/syntax" },
  {
    name: "many expressions in one leaf",
    text: `${head}  label: "${"${release.name}".repeat(4000)}"\n`,
    code: undefined,
  },
  {
    name: "many expressions in one leaf with escapes",
    text: `${head}  label: "${"\\x24{release.name}".repeat(4000)}"\n`,
    code: undefined,
  },
  { name: "dollars", text: `${head}  label: "${"$".repeat(200_000)}"\n`, code: undefined },
  {
    name: "deep nesting of the text",
    text: `${head}  kwargs: ${"[".repeat(62)}${"]".repeat(62)}\n`,
    code: undefined,
  },
  {
    name: "deeper nesting of the text",
    text: `${head}  kwargs: ${"[".repeat(7900)}${"]".repeat(7900)}\n`,
    code: "source/",
  },
  {
    name: "very many keys",
    text: `${head}  kwargs:\n${times(3900, (index) => `    k${index}: 1\n`).join("")}`,
    code: undefined,
  },
  { name: "very many documents", text: "kind: K\nname: n\nspec: {}\n---\n".repeat(maxDocuments - 1), code: undefined },
  { name: "a text that is too long", text: `${head}  label: ${"x".repeat(maxTextLength)}\n`, code: "template/budget" },
  {
    name: "as much output as may be",
    text: `${head}  args: [{$for: {a: "\${range(240)}"}, $value: [${"1,".repeat(200)}1]}]\n`,
    code: undefined,
  },
  {
    name: "more output than may be",
    text: `${head}  args: [{$for: {a: "\${range(${Math.ceil(maxOutputValues / 200)})}"}, $value: [${"1,".repeat(200)}1]}]\n`,
    code: "template/budget",
  },
];

export const hostileTemplates: readonly HostileTemplate[] = [
  ...evaluation.map(([name, expression, code]) => ({ name, text: one(expression), code })),
  ...structure,
];

/** Expressions alone, for measuring what they do. */
export const hostileExpressions: readonly string[] = evaluation.map(([, expression]) => expression);

function nestedLoops(depth: number): string {
  return times(depth, (index) => `x${index}`).reduce((inner, variable) => `range(100).map(${variable}, ${inner})`, "1");
}

function nestedFor(depth: number): string {
  return times(
    depth,
    (index) => `${"  ".repeat(index + 1)}- $for: {v${index}: "\${range(100)}"}\n${"  ".repeat(index + 1)}  $value:\n`,
  )
    .concat(`${"  ".repeat(depth + 1)}- 1\n`)
    .join("");
}
