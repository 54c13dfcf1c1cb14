import { describe, expect, test } from "bun:test";
import { isCpmError } from "@cpm/base";
import type { ArgumentSpec, OptionTable } from "./command.ts";
import { parseOptions } from "./parse-options.ts";

const table = {
  wait: { type: "boolean", short: "w", description: "" },
  quiet: { type: "boolean", short: "q", description: "" },
  name: { type: "string", short: "n", description: "" },
  set: { type: "strings", short: "s", description: "" },
  limit: { type: "integer", description: "" },
  timeout: { type: "duration", description: "" },
  template: { type: "string", choices: ["function", "workflow"], description: "" },
} as const satisfies OptionTable;
const any: readonly ArgumentSpec[] = [{ name: "words", description: "", optional: true, repeated: true }];
const parse = (line: string, expected: readonly ArgumentSpec[] = any) =>
  parseOptions(line === "" ? [] : line.split(" "), table, expected);

describe("options are read from", () => {
  test.each<[line: string, options: Record<string, unknown>, args: string[]]>([
    ["", {}, []],
    ["--wait", { wait: true }, []],
    ["--wait=true", { wait: true }, []],
    ["--wait=false", { wait: false }, []],
    ["--no-wait", { wait: false }, []],
    ["--wait --no-wait", { wait: false }, []],
    ["-w", { wait: true }, []],
    ["-wq", { wait: true, quiet: true }, []],
    ["-wqnbooks", { wait: true, quiet: true, name: "books" }, []],
    ["--name books", { name: "books" }, []],
    ["--name=books", { name: "books" }, []],
    ["--name=", { name: "" }, []],
    ["--name=a=b", { name: "a=b" }, []],
    ["--name a --name b", { name: "b" }, []],
    ["-n books", { name: "books" }, []],
    ["-nbooks", { name: "books" }, []],
    ["-n=books", { name: "books" }, []],
    ["--name -", { name: "-" }, []],
    ["--set a=1 --set=b=2 -s c=3 -sd=4", { set: ["a=1", "b=2", "c=3", "d=4"] }, []],
    ["--limit 5", { limit: 5 }, []],
    ["--limit=-5", { limit: -5 }, []],
    ["--timeout 1h30m", { timeout: 5_400_000 }, []],
    ["--template workflow", { template: "workflow" }, []],
    ["a --wait b", { wait: true }, ["a", "b"]],
    ["- -5", {}, ["-", "-5"]],
    ["--wait -- --name -n", { wait: true }, ["--name", "-n"]],
    ["--", {}, []],
  ])("%p", (line, options, args) => {
    const parsed = parse(line);
    expect(parsed.args).toEqual(args);
    expect(parsed.options).toEqual({
      wait: undefined,
      quiet: undefined,
      name: undefined,
      set: [],
      limit: undefined,
      timeout: undefined,
      template: undefined,
      ...options,
    });
  });
});

describe("a wrong line is refused with what to do", () => {
  const one: readonly ArgumentSpec[] = [{ name: "release", description: "the release" }];
  const rows: readonly (readonly [string, string, string, RegExp, (readonly ArgumentSpec[])?])[] = [
    ["--nmae x", "cli/unknown-option", "there is no option --nmae", /^Did you mean --name\?/],
    ["--entirely-else", "cli/unknown-option", "there is no option --entirely-else", /--help/],
    ["--toString", "cli/unknown-option", "there is no option --toString", /--help/],
    ["--no-name", "cli/unknown-option", "there is no option --no-name", /./],
    ["--no-wait=true", "cli/unknown-option", "there is no option --no-wait", /./],
    ["-x", "cli/unknown-option", "there is no option -x", /--help/],
    ["-wx", "cli/unknown-option", "there is no option -x", /--help/],
    ["--wait=yes", "cli/usage", "--wait takes no value", /--help/],
    ["-w=1", "cli/usage", "--wait takes no value", /--help/],
    ["--name", "cli/usage", "--name needs a value", /--help/],
    ["-n", "cli/usage", "--name needs a value", /--help/],
    ["--limit 5.5", "cli/usage", '--limit needs a whole number, not "5.5"', /--help/],
    ["--limit 0x10", "cli/usage", '--limit needs a whole number, not "0x10"', /--help/],
    ["--limit 9999999999999999", "cli/usage", '--limit needs a whole number, not "9999999999999999"', /--help/],
    ["--timeout 5", "cli/usage", '--timeout needs a duration, not "5"', /30s, 5m/],
    ["--timeout -5s", "cli/usage", '--timeout needs a duration, not "-5s"', /30s, 5m/],
    ["--template functoin", "cli/usage", '--template cannot be "functoin"', /Did you mean "function"\?/],
    ["--template cron", "cli/usage", '--template cannot be "cron"', /one of function, workflow/],
    ["", "cli/usage", "release is missing: the release", /--help/, one],
    ["a b", "cli/usage", 'unexpected argument "b"', /--help/, one],
    ["a", "cli/usage", 'unexpected argument "a"', /--help/, []],
  ];
  test.each(rows.map((row) => [row[0], row] as const))("%p", (_line, [line, code, message, hint, expected]) => {
    try {
      parse(line, expected);
    } catch (error) {
      if (!isCpmError(error)) throw error;
      expect({ code: error.code, message: error.message }).toEqual({ code, message });
      expect(error.hint).toMatch(hint);
      return;
    }
    throw new Error(`"${line}" was accepted`);
  });
});
