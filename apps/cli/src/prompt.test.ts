import { describe, expect, test } from "bun:test";
import { isCpmError } from "@cpm/base";
import { ask, askHidden, choose, confirm } from "./prompt.ts";
import type { TestContext } from "./testing/test-context.ts";
import { createTestContext } from "./testing/test-context.ts";

const typed = (stdin: string) => createTestContext({ terminal: true, stdin });

test.each<[typed: string, fallback: string | undefined, answer: string]>([
  ["rise/x\n", undefined, "rise/x"],
  ["  rise/x \n", "local/y", "rise/x"],
  ["\n", "local/y", "local/y"],
  ["\n", undefined, ""],
  ["no end of line", undefined, "no end of line"],
])("%j with the fallback %j is answered with %j", async (stdin, fallback, answer) => {
  const context = typed(stdin);
  expect(await ask(context, "Name", "--name", fallback)).toBe(answer);
  expect([context.out(), context.err()]).toEqual(["", fallback === undefined ? "Name: " : `Name (${fallback}): `]);
});

test("a choice is taken by number or name, and asked for again until it is one", async () => {
  for (const [stdin, chosen] of [
    ["2\n", "b"],
    ["b\n", "b"],
    ["\n", "a"],
    ["0\n9\nx\nb\n", "b"],
  ] as const) {
    expect(await choose(typed(stdin), "Which?", "--which", ["a", "b"])).toBe(chosen);
  }
  const context = typed("x\n1\n");
  await choose(context, "Which?", "--which", ["a", "b"]);
  expect(context.err()).toBe('Which?\n  1) a\n  2) b\nChoose (a):   "x" is none of these.\nChoose (a): ');
});

test("only a yes is a yes", async () => {
  for (const stdin of ["y\n", "Y\n", "yes\n", "YES\n"])
    expect(await confirm(typed(stdin), "Sure?", "--yes")).toBe(true);
  for (const stdin of ["n\n", "\n", "ye\n", "yess\n", "true\n"])
    expect(await confirm(typed(stdin), "Sure?", "--yes")).toBe(false);
});

describe("what is hidden", () => {
  test("is read with the echo off, kept as it was typed, and the echo comes back", async () => {
    const context = typed(" s3cret \n");
    expect(await askHidden(context, "Password", "--password-stdin")).toBe(" s3cret ");
    expect(context.echo).toEqual([false, true]);
    expect(context.err()).toBe("Password: \n");
  });
  test("restores the echo when the question is interrupted", async () => {
    const context = typed("");
    const reading = { ...context, stdin: { ...context.stdin, readLine: () => Promise.reject(new Error("aborted")) } };
    expect(askHidden(reading, "Password", "--password-stdin")).rejects.toThrow("aborted");
    await Promise.resolve();
    expect(context.echo).toEqual([false, true]);
  });
});

const questions: readonly [string, (context: TestContext) => Promise<unknown>, string][] = [
  ["ask", (context) => ask(context, "Name", "--name"), "--name"],
  ["choose", (context) => choose(context, "Which?", "--which", ["a"]), "--which"],
  ["confirm", (context) => confirm(context, "Sure?", "--yes"), "--yes"],
  ["askHidden", (context) => askHidden(context, "Password", "--password-stdin"), "--password-stdin"],
];

test.each(questions)("%s without a terminal names the flag and reads nothing", async (_name, run, flag) => {
  const context = createTestContext({ stdin: "y\n" });
  const error = await run(context).catch((thrown: unknown) => thrown);
  expect(isCpmError(error, "cli/interactive") && error.hint).toBe(`Give ${flag}.`);
  expect([await context.stdin.readAll(), context.err()]).toEqual(["y\n", ""]);
});

test("without a terminal a fallback is the answer", async () => {
  expect(await ask(createTestContext({ stdin: "other\n" }), "Name", "--name", "local/x")).toBe("local/x");
});

test.each(questions)("%s ends as interrupted at the end of input, on a line of its own", async (_name, run) => {
  const context = typed("");
  const error = await run(context).catch((thrown: unknown) => thrown);
  expect(isCpmError(error, "cli/interrupted")).toBe(true);
  expect(context.err()).toMatch(/: \n$/);
});
