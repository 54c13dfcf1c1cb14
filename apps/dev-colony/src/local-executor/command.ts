import { accessSync, constants, realpathSync, statSync } from "node:fs";
import { isAbsolute, join, relative, sep } from "node:path";
import { encodeUtf8, isJsonObject } from "@cpm/base";
import type { JsonObject, JsonValue } from "@cpm/base";
import { executorError } from "./errors.ts";
import type { LocalExecutorLimits } from "./limits.ts";

/** What a process asks to be run. */
export interface Command {
  /** The program's real path, inside an unpacked tree. */
  readonly program: string;
  readonly args: readonly string[];
  readonly stdin: string;
  /** The spec's own environment. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Variables that would load code which no package brought. */
const forbiddenVariables = /^(LD_PRELOAD|LD_AUDIT|DYLD_INSERT_LIBRARIES|BASH_ENV)$/;
const variableName = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * The command of a function spec. Whoever may submit to the queue must not run any program of this machine: only
 * those inside a tree below `<packagesRoot>/trees` are taken, after all symbolic links. Throws `executor/…` errors.
 */
export function parseCommand(spec: JsonObject, packagesRoot: string, limits: LocalExecutorLimits): Command {
  const kwargs = isJsonObject(spec["kwargs"]) ? spec["kwargs"] : {};
  const { cmd } = kwargs;
  if (typeof cmd !== "string" || cmd === "") throw executorError("executor/invalid-command", "kwargs.cmd is no path");
  const args = parseArguments(kwargs["args"], limits);
  const stdin = kwargs["stdin"] ?? "";
  if (typeof stdin !== "string") throw executorError("executor/invalid-command", "kwargs.stdin is no string");
  checkSize("kwargs.stdin", encodeUtf8(stdin).length, limits.maxStdinBytes);
  const environment = parseEnvironment(spec["env"]);
  const texts = [...args, ...Object.entries(environment).map(([name, value]) => `${name}=${value}`)];
  const sizeBytes = texts.reduce((sum, text) => sum + encodeUtf8(text).length + 1, 0);
  checkSize("arguments and environment", sizeBytes, limits.maxCommandBytes);
  return { program: findProgram(cmd, packagesRoot), args, stdin, environment };
}

function parseArguments(value: JsonValue | undefined, limits: LocalExecutorLimits): string[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw executorError("executor/invalid-command", "kwargs.args is no list");
  if (value.length > limits.maxArguments)
    throw executorError("executor/limit", `${value.length} arguments are more than ${limits.maxArguments}`);
  return value.map((argument: JsonValue, index) => {
    if (typeof argument !== "string")
      throw executorError("executor/invalid-command", `kwargs.args[${index}] is no string`);
    if (argument.includes("\0"))
      throw executorError("executor/invalid-command", `kwargs.args[${index}] holds the character U+0000`);
    return argument;
  });
}

function parseEnvironment(value: JsonValue | undefined): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const [name, text] of Object.entries(isJsonObject(value) ? value : {})) {
    if (!variableName.test(name) || forbiddenVariables.test(name))
      throw executorError("executor/invalid-environment", `the variable ${JSON.stringify(name)} is not passed on`);
    if (typeof text !== "string" || text.includes("\0"))
      throw executorError("executor/invalid-environment", `the variable ${name} is no text`);
    environment[name] = text;
  }
  return environment;
}

function findProgram(cmd: string, packagesRoot: string): string {
  const outside = () => executorError("executor/outside-packages", `${cmd} is in no tree below ${packagesRoot}`);
  if (!isAbsolute(cmd) || cmd.includes("\0")) throw outside();
  // A path that does not lead into the packages must not tell whether it exists.
  if (!isBelow(cmd, packagesRoot) && !isBelow(cmd, realPath(packagesRoot) ?? packagesRoot)) throw outside();
  const program = realPath(cmd);
  if (program === undefined) throw executorError("executor/no-program", `there is no ${cmd}`);
  const root = realPath(packagesRoot);
  if (root === undefined || !isInTree(relative(join(root, "trees"), program))) throw outside();
  if (!statSync(program).isFile()) throw executorError("executor/no-program", `${cmd} is no file`);
  try {
    accessSync(program, constants.X_OK);
  } catch (cause) {
    throw executorError("executor/no-program", `${cmd} may not be executed`, cause);
  }
  return program;
}

function isBelow(path: string, folder: string): boolean {
  const inside = relative(folder, path);
  return inside !== "" && inside !== ".." && !inside.startsWith(`..${sep}`) && !isAbsolute(inside);
}

/** `sha256/<hex>/root/…`, seen from the folder of all trees. */
function isInTree(path: string): boolean {
  const [algorithm, hex, root, ...rest] = path.split(sep);
  return algorithm === "sha256" && /^[0-9a-f]{64}$/.test(hex ?? "") && root === "root" && rest.length > 0;
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined; // The caller says what is missing.
  }
}

function checkSize(what: string, sizeBytes: number, maxBytes: number): void {
  if (sizeBytes > maxBytes)
    throw executorError("executor/limit", `${what}: ${sizeBytes} bytes are more than ${maxBytes}`);
}
