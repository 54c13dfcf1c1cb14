import { realpathSync } from "node:fs";
import { isAbsolute, join, sep } from "node:path";
import type { JsonObject, JsonValue } from "@cpm/base";
import { isJsonObject, printable } from "@cpm/base";
import { executorError } from "./errors.ts";

/** What is to be run: a program of a package, by its real path, and what it is given. */
export interface ProgramCall {
  readonly program: string;
  readonly args: readonly string[];
  readonly stdin: string;
  readonly env: Readonly<Record<string, string>>;
}

const maxArgs = 1000;
const maxTextBytes = 1024 * 1024;

/**
 * Reads `kwargs` and `env` of a function spec. Throws `executor/bad-call`, and `executor/outside-packages` unless the
 * program lies in a tree under `packagesRoot` after every symlink: whoever may submit to a colony must not run what
 * else is on the machine.
 */
export function readProgramCall(spec: JsonObject, packagesRoot: string): ProgramCall {
  const kwargs = isJsonObject(spec["kwargs"]) ? spec["kwargs"] : {};
  const { cmd, args = [], stdin = "" } = kwargs;
  if (typeof cmd !== "string" || cmd === "") throw executorError("executor/bad-call", "kwargs.cmd is not a path");
  if (!isTextList(args)) throw executorError("executor/bad-call", "kwargs.args is not a list of strings");
  if (args.length > maxArgs) throw executorError("executor/bad-call", `kwargs.args holds more than ${maxArgs} strings`);
  if (typeof stdin !== "string" || stdin.length > maxTextBytes)
    throw executorError("executor/bad-call", `kwargs.stdin is not a string of at most ${maxTextBytes} bytes`);
  return { program: locateProgram(cmd, packagesRoot), args, stdin, env: readEnv(spec["env"]) };
}

function locateProgram(cmd: string, packagesRoot: string): string {
  if (!isAbsolute(cmd)) throw executorError("executor/outside-packages", `${printable(cmd)} is not an absolute path`);
  let program: string;
  let trees: string;
  try {
    program = realpathSync(cmd);
    trees = realpathSync(join(packagesRoot, "trees"));
  } catch (cause) {
    throw executorError("executor/not-started", `${printable(cmd)} is not on this node`, cause);
  }
  if (program.startsWith(trees + sep)) return program;
  throw executorError("executor/outside-packages", `${printable(cmd)} does not lie in the packages directory`);
}

function readEnv(env: JsonValue | undefined): Readonly<Record<string, string>> {
  const entries = Object.entries(isJsonObject(env) ? env : {});
  for (const [name, value] of entries) {
    if (typeof value !== "string" || value.includes("\0") || !/^[^=\0]+$/.test(name))
      throw executorError("executor/bad-call", `env.${printable(name)} is not a string that a program can be given`);
  }
  return Object.fromEntries(entries) as Record<string, string>;
}

function isTextList(value: JsonValue): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string" && !item.includes("\0"));
}
