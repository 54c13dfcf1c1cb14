import { lstatSync, readFileSync } from "node:fs";
import { decodeUtf8, isCpmError, parseJson } from "@cpm/base";
import type { JsonValue } from "@cpm/base";
import { executorError } from "./errors.ts";
import type { LocalExecutorLimits } from "./limits.ts";

/** The values that a program wrote to the file behind CPM_OUTPUT; none when it wrote no file. */
export function readProgramOutput(path: string, limits: LocalExecutorLimits): JsonValue[] {
  const status = lstatSync(path, { throwIfNoEntry: false });
  if (status === undefined) return [];
  // A link would have this executor read what the program names.
  if (!status.isFile()) throw executorError("executor/invalid-output", "CPM_OUTPUT is no regular file any more");
  if (status.size > limits.maxOutputBytes)
    throw executorError("executor/limit", `${status.size} bytes of output are more than ${limits.maxOutputBytes}`);
  const lines = decode(readFileSync(path)).split("\n");
  const values: JsonValue[] = [];
  for (const [index, line] of lines.entries()) {
    if (line.trim() === "") continue;
    if (values.length >= limits.maxOutputValues)
      throw executorError("executor/limit", `the output has more than ${limits.maxOutputValues} values`);
    values.push(parseLine(line, index + 1));
  }
  return values;
}

function decode(bytes: Uint8Array): string {
  try {
    return decodeUtf8(bytes);
  } catch (cause) {
    throw executorError("executor/invalid-output", "the output is not UTF-8", cause);
  }
}

function parseLine(line: string, number: number): JsonValue {
  try {
    return parseJson(line, { file: "CPM_OUTPUT" });
  } catch (cause) {
    const why = isCpmError(cause) ? `: ${cause.message}` : "";
    throw executorError("executor/invalid-output", `line ${number} of the output is not JSON${why}`, cause);
  }
}
