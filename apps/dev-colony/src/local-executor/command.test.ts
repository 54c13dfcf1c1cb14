import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { JsonObject } from "@cpm/base";
import { parseCommand } from "./command.ts";
import { defaultLimits } from "./limits.ts";

const base = mkdtempSync(join(tmpdir(), "cpm-command-"));
afterAll(() => rmSync(base, { recursive: true, force: true }));

const packages = join(base, "packages");
const tree = join(packages, "trees", "sha256", "a".repeat(64), "root");
const write = (path: string, mode = 0o755): string => {
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, "#!/bin/sh\n");
  chmodSync(path, mode);
  return path;
};
const link = (target: string, path: string): string => {
  mkdirSync(join(path, ".."), { recursive: true });
  symlinkSync(target, path);
  return path;
};
const program = write(join(tree, "bin/run"));
const outside = write(join(base, "outside/run"));

const parse = (kwargs: JsonObject, env: JsonObject = {}, limits = {}) =>
  parseCommand({ kwargs, env }, packages, { ...defaultLimits, ...limits });
const codeOf = (run: () => unknown): unknown => {
  try {
    run();
  } catch (error) {
    return error instanceof Error && "code" in error ? error.code : error;
  }
  throw new Error("it was taken");
};

describe("programs that are taken", () => {
  test("one of a tree, with what it is given", () => {
    expect(parse({ cmd: program, args: ["a", "b c"], stdin: "x", cpm: {} }, { NAME: "v" })).toEqual({
      program,
      args: ["a", "b c"],
      stdin: "x",
      environment: { NAME: "v" },
    });
  });

  test("without arguments", () => expect(parse({ cmd: program })).toMatchObject({ args: [], stdin: "" }));

  test("by the ref of an installed version", () => {
    const ref = link(tree, join(packages, "refs/rise/tool/1.0.0"));
    expect(parse({ cmd: join(ref, "bin/run") }).program).toBe(program);
  });

  test("by a link inside the tree", () => {
    expect(parse({ cmd: link("run", join(tree, "bin/alias")) }).program).toBe(program);
  });

  test("where the packages directory is itself a link", () => {
    const alias = link(packages, join(base, "alias"));
    const cmd = join(alias, "trees/sha256", "a".repeat(64), "root/bin/run");
    expect(parseCommand({ kwargs: { cmd } }, alias, defaultLimits).program).toBe(program);
  });
});

describe("programs outside of the packages", () => {
  const trees = join(packages, "trees/sha256");
  test.each([
    ["of the machine", "/bin/sh"],
    ["that do not exist on the machine", "/no/such/program"],
    ["by a relative path", "bin/run"],
    ["by the search path", "sh"],
    ["by dots", join(tree, "bin") + "/../../../../../../outside/run"],
    ["by a link that leads out", link(outside, join(tree, "bin/escape"))],
    ["by a link to a folder that leads out", join(link(join(base, "outside"), join(tree, "far")), "run")],
    ["in a neighbour whose name begins alike", write(join(base, "packages-evil/trees/sha256/x/root/run"))],
    ["in the store, but in no tree", write(join(packages, "staging/run"))],
    ["beside a tree's root", write(join(trees, "a".repeat(64), "run"))],
    ["in a folder that is no digest", write(join(trees, "short/root/run"))],
    ["with a NUL", `${program}\0`],
  ])("%s", (_, cmd) => expect(codeOf(() => parse({ cmd }))).toBe("executor/outside-packages"));
});

describe("programs that cannot be run", () => {
  test.each([
    ["absent ones", join(tree, "bin/none")],
    ["folders", join(tree, "bin")],
    ["files without the mode", write(join(tree, "data.txt"), 0o644)],
  ])("%s", (_, cmd) => expect(codeOf(() => parse({ cmd }))).toBe("executor/no-program"));
});

describe("calls that are refused", () => {
  test.each<[string, JsonObject]>([
    ["no cmd", {}],
    ["an empty cmd", { cmd: "" }],
    ["a cmd that is a list", { cmd: [program] }],
    ["args that are a string", { cmd: program, args: "x" }],
    ["a number among the args", { cmd: program, args: ["x", 5] }],
    ["a NUL in the args", { cmd: program, args: ["a\0b"] }],
    ["stdin that is no string", { cmd: program, stdin: 5 }],
  ])("%s", (_, kwargs) => expect(codeOf(() => parse(kwargs))).toBe("executor/invalid-command"));

  test.each<[string, JsonObject]>([
    ["a preloaded library", { LD_PRELOAD: "/tmp/x.so" }],
    ["a script for the shell", { BASH_ENV: "/tmp/x" }],
    ["a name that is none", { "A-B": "x" }],
    ["an empty name", { "": "x" }],
    ["a number", { A: 5 }],
    ["a NUL", { A: "x\0" }],
  ])("an environment with %s", (_, env) =>
    expect(codeOf(() => parse({ cmd: program }, env))).toBe("executor/invalid-environment"),
  );

  test("more than the limits", () => {
    const codeWith = (kwargs: JsonObject, limits: object) =>
      codeOf(() => parse({ cmd: program, ...kwargs }, {}, limits));
    expect(codeWith({ args: ["a", "b"] }, { maxArguments: 1 })).toBe("executor/limit");
    expect(codeWith({ args: ["ääää"] }, { maxCommandBytes: 8 })).toBe("executor/limit");
    expect(codeWith({ stdin: "ää" }, { maxStdinBytes: 3 })).toBe("executor/limit");
    expect(parse({ cmd: program, stdin: "ää" }, {}, { maxStdinBytes: 4 }).stdin).toBe("ää");
  });
});
