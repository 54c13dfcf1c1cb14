import { describe, expect, test } from "bun:test";
import { createError, locate } from "@cpm/base";
import { cliErrors } from "../errors.ts";
import type { TestContextOptions } from "../testing/test-context.ts";
import { createTestContext } from "../testing/test-context.ts";
import type { OutputFlags } from "./output.ts";
import { createOutput } from "./output.ts";

const finding = {
  code: "manifest/unknown-key",
  severity: "error" as const,
  message: 'unknown key "nmae"',
  hint: 'did you mean "name"?',
  location: locate("colony.yaml", "nmae: x\n", 0, 4),
};
const warning = { code: "x/y", severity: "warning" as const, message: "odd" };

function start(flags: Partial<OutputFlags> = {}, options: TestContextOptions = {}) {
  const context = createTestContext(options);
  return { context, output: createOutput(context, { json: false, quiet: false, ...flags }) };
}

describe("data", () => {
  test("is text for people and a document for programs, on stdout alone", () => {
    const people = start();
    people.output.data({ count: 1n }, () => "one");
    expect([people.context.out(), people.context.err()]).toEqual(["one\n", ""]);
    const programs = start({ json: true });
    programs.output.data({ count: 12345678901234567890n }, () => "one");
    expect([programs.context.out(), programs.context.err()]).toEqual(['{\n  "count": 12345678901234567890\n}\n', ""]);
  });
  test("that streams is a document or a text for each line", () => {
    const people = start();
    people.output.streamed({ line: 1 }, () => "a\nb");
    people.output.streamed({ line: 2 }, () => "");
    expect(people.context.out()).toBe("a\nb\n");
    const programs = start({ json: true });
    programs.output.streamed({ line: 1 }, () => "a");
    programs.output.streamed({ line: 2 }, () => "b");
    expect(programs.context.out()).toBe('{"line":1}\n{"line":2}\n');
  });
  test("has colours only where stdout itself is a terminal", () => {
    const context = { ...createTestContext(), stderr: { ...createTestContext().stderr, isTerminal: true } };
    expect(createOutput(context, { json: false, quiet: false }).style.red("x")).toBe("x");
    expect(start({}, { terminal: true }).output.style.red("x")).toBe("\u001b[31mx\u001b[39m");
    expect(start({}, { terminal: true, env: { NO_COLOR: "1" } }).output.style.red("x")).toBe("x");
  });
  test("cannot control a terminal, and is left as it is elsewhere", () => {
    const terminal = start({}, { terminal: true });
    terminal.output.data(null, () => "\u001b]0;owned\u0007");
    expect(terminal.context.out()).toBe("\ufffd]0;owned\ufffd\n");
    const pipe = start();
    pipe.output.data(null, () => "\u001b]0;kept\u0007");
    expect(pipe.context.out()).toBe("\u001b]0;kept\u0007\n");
  });
  test("removes what is under way from the screen first", () => {
    const { context, output } = start({}, { terminal: true, env: { NO_COLOR: "1" } });
    output.progress.update({ id: "a", label: "a", state: "running" });
    output.data(null, () => "done");
    expect(context.errWrites).toEqual(["  a running\n", "\r\u001b[1A\u001b[J"]);
  });
});

test.each<[flags: Partial<OutputFlags>, err: string]>([
  [{}, "a note\nwarning: odd [x/y]\na: running\n"],
  [{ quiet: true }, ""],
  [{ json: true }, ""],
])("with %j notes, warnings and progress are %j", (flags, err) => {
  const { context, output } = start(flags);
  output.note("a note");
  output.diagnostics([warning]);
  output.progress.update({ id: "a", label: "a", state: "running" });
  expect([context.out(), context.err()]).toEqual(["", err]);
});

const shown =
  'colony.yaml:1:1: error: unknown key "nmae" [manifest/unknown-key]\n  1 | nmae: x\n    | ^^^^\n  hint: did you mean "name"?\n';
const make = (details: Parameters<typeof createError>[3]) =>
  createError(cliErrors, "cli/interrupted", "stopped", details);

test.each<[what: string, error: unknown, text: string]>([
  ["with a hint", make({ hint: "Try X." }), "error: stopped [cli/interrupted]\nhint: Try X.\n"],
  ["without a hint", createError({ "a/b": { kind: "unknown", title: "" } }, "a/b", "broken"), "error: broken [a/b]\n"],
  [
    "with findings",
    make({ hint: "Try X.", diagnostics: [finding, finding] }),
    `error: 2 faults [cli/interrupted]\n${shown}${shown}hint: Try X.\n`,
  ],
  [
    "whose hint is the finding's",
    make({ hint: finding.hint, diagnostics: [finding] }),
    `error: 1 fault [cli/interrupted]\n${shown}`,
  ],
  ["that is no error of ours", "thrown text", "error: thrown text [internal/unexpected]\n"],
])("an error %s", (_what, error, text) => {
  const { context, output } = start({ quiet: true });
  output.error(error);
  expect([context.out(), context.err()]).toEqual(["", text]);
});

test("an unforeseen error shows where it was thrown", () => {
  const { context, output } = start();
  output.error(new TypeError("odd"));
  expect(context.err()).toMatch(/^error: odd \[internal\/unexpected\]\n {4}at .*output\.test\.ts/);
});

test("an error as JSON is one line with code, kind, message, hint, context and findings", () => {
  const { context, output } = start({ json: true });
  output.error(make({ hint: "Try X.", context: { sizeBytes: 10n }, diagnostics: [warning] }));
  const text = context.err();
  expect(text.split("\n")).toHaveLength(2);
  expect(JSON.parse(text)).toEqual({
    error: {
      code: "cli/interrupted",
      kind: "cancelled",
      message: "stopped",
      hint: "Try X.",
      context: { sizeBytes: "10" },
      diagnostics: [warning],
    },
  });
});

test("the cause of an error is not shown: it may hold what was sent", () => {
  for (const json of [true, false]) {
    const { context, output } = start({ json });
    output.error(make({ cause: new Error("authorization: Bearer s3cret") }));
    expect(context.err()).not.toContain("s3cret");
  }
});
