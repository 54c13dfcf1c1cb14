import { describe, expect, test } from "bun:test";
import { globalOptions } from "./command.ts";
import { commandTable } from "./command-table.ts";
import { parseOptions } from "./parse-options.ts";

/** The words of a shell line, as far as examples need them: quotes, no expansion. */
function words(line: string): string[] {
  return [...line.matchAll(/"[^"]*"|'[^']*'|\S+/g)].map(([word]) => word.replace(/^["']|["']$/g, ""));
}

/** The words after `cpm <name>` wherever that stands in a pipe, a substitution or behind variables. */
function callOf(line: string, name: string): readonly string[] | undefined {
  const pieces = line
    .split(/\||[<$]\(|\)/)
    .map((piece) => words(piece.replace(/ [<>] .*/, "").replace(/^"?eval "?/, "")));
  for (const piece of pieces) {
    const at = piece.findIndex((word) => !/^[A-Z_]+=/.test(word));
    if (piece[at] === "cpm" && piece[at + 1] === name) return piece.slice(at + 2);
  }
  return undefined;
}

test("names are unique, and every command of the design that is here keeps its name", () => {
  const names = commandTable.map((entry) => entry.name);
  expect(new Set(names).size).toBe(names.length);
  for (const name of names) expect(name).toMatch(/^[a-z]+$/);
});

describe.each(commandTable.map((entry) => [entry.name, entry] as const))("cpm %s", (name, entry) => {
  test("says of itself what the table says", async () => {
    const command = await entry.load();
    expect([command.name, command.summary]).toEqual([entry.name, entry.summary]);
  });

  test("has examples that are real calls of it", async () => {
    const command = await entry.load();
    expect(command.examples.length).toBeGreaterThan(0);
    for (const { line, description } of command.examples) {
      const call = callOf(line, name);
      if (call === undefined) throw new Error(`no call of cpm ${name} in: ${line}`);
      parseOptions(call, { ...globalOptions, ...command.options }, command.arguments);
      expect(description).toMatch(/^[A-Z].*\.$/);
    }
  });

  test("has options that are told apart and described in a sentence", async () => {
    const { options } = await entry.load();
    const all = { ...options, ...globalOptions };
    expect(Object.keys(options).filter((option) => option in globalOptions)).toEqual([]);
    const letters = Object.values(all).flatMap((spec) =>
      "short" in spec && spec.short !== undefined ? [spec.short] : [],
    );
    expect(new Set(letters).size).toBe(letters.length);
    for (const [option, spec] of Object.entries(all)) {
      expect(option).toMatch(/^[a-z]+(-[a-z]+)*$/);
      expect(spec.description).toMatch(/^[A-Z].*[.)]$/);
    }
  });
});
