import { existsSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { decodeUtf8, formatBytes, isCpmError } from "@cpm/base";
import { withFileErrors } from "@cpm/store";
import type { CliContext } from "./context.ts";
import { cliError, usageError } from "./errors.ts";

/** No plan, key or file of inputs is near this. */
const maxFileBytes = 16 * 1024 * 1024;

/** A path as somebody wrote it, for functions that read it from where the process runs and show it as it is. */
export function givenPath(path: string, { cwd }: Pick<CliContext, "cwd">): string {
  return cwd === process.cwd() ? path : resolve(cwd, path);
}

/** Where to write a file that somebody named. Throws `cli/no-file` when its directory is not there. */
export function givenTarget(path: string, { cwd }: Pick<CliContext, "cwd">): string {
  const full = resolve(cwd, path);
  if (existsSync(dirname(full))) return full;
  throw cliError("cli/no-file", `there is no directory ${dirname(path)} to write ${basename(path)} in`);
}

/** The text of a file that somebody named. Throws `cli/no-file`, `cli/usage` for what is no text file, or a file's error. */
export function readGivenFile(path: string, { cwd }: Pick<CliContext, "cwd">): string {
  const full = resolve(cwd, path);
  const found = withFileErrors("read", path, () => statSync(full, { throwIfNoEntry: false }));
  if (found === undefined) throw cliError("cli/no-file", `there is no file ${path}`);
  if (found.isDirectory()) throw usageError(`${path} is a directory`, "Name a file.");
  if (found.size > maxFileBytes)
    throw usageError(`${path} has more than ${formatBytes(maxFileBytes)}`, "Name a smaller file.");
  const bytes = withFileErrors("read", path, () => readFileSync(full));
  try {
    return decodeUtf8(bytes);
  } catch (error) {
    if (!isCpmError(error, "text/invalid-utf8")) throw error;
    throw usageError(`${path} is not a text in UTF-8`, "Name another file.");
  }
}
