import { createError, isJsonObject, parseJson, printable } from "@cpm/base";
import type { CpmError, ErrorKind, JsonObject } from "@cpm/base";
import { agentError } from "../errors.ts";
import { runConfined } from "../isolation/confined-process.ts";
import { readablePaths } from "./readable-paths.ts";
import type { ReleaseRequest } from "./release-request.ts";

export interface RunReleaseOptions {
  readonly onLine: (line: string) => void;
  readonly signal: AbortSignal;
}

const memoryBytes = 512 * 1024 * 1024;
const fileSizeBytes = 1024 * 1024 * 1024;
const openFiles = 1024;
/** An install waits for nodes that fetch; nobody reports progress for as long as one of them does. */
const timeoutMs = 60 * 60_000;
/** What is half done is undone, which takes a few calls. */
const graceMs = 20_000;
const maxLineLength = 1000;
/** A plan holds every object that it would create. */
const maxLineBytes = 8 * 1024 * 1024;

/**
 * Carries out a request in a process of its own, which may read the packages it fetched and talk to the colony and the
 * registry, and write nothing but its scratch directory. Answers its output, and throws what it failed with. When the
 * signal is aborted, it is asked to undo what is half done, and has 20 seconds for that.
 */
export async function runRelease(request: ReleaseRequest, { onLine, signal }: RunReleaseOptions): Promise<JsonObject> {
  let output: JsonObject | undefined;
  await runConfined({
    program: "release",
    network: true,
    paths: [
      {
        path: request.scratch,
        rights: [
          "readFile",
          "readDirectory",
          "writeFile",
          "makeFile",
          "makeDirectory",
          "removeFile",
          "removeDirectory",
          "refer",
          "truncate",
        ],
      },
      ...readablePaths(),
    ],
    limits: { fileSizeBytes, openFiles },
    files: [],
    request: JSON.stringify(request),
    onLine: (line) => {
      const message = parseMessage(line);
      const { type, line: told } = message;
      if (type === "progress" && typeof told === "string") onLine(printable(told, maxLineLength));
      else output = outputOf(message);
    },
    memoryBytes,
    silenceMs: timeoutMs,
    timeoutMs,
    graceMs,
    maxLineBytes,
    signal,
  });
  if (output === undefined) throw agentError("agent/worker-output", "the program ended without saying how it went");
  return output;
}

function parseMessage(line: string): JsonObject {
  const value = parseJson(line);
  if (isJsonObject(value)) return value;
  throw agentError("agent/worker-output", `the program answered ${printable(line, 100)}`);
}

function outputOf(message: JsonObject): JsonObject {
  const { type, output } = message;
  if (type === "done" && output !== undefined && isJsonObject(output)) return output;
  throw failureOf(message);
}

/** The error of the operation as it is: the code says which, to whoever asked. */
function failureOf({ code, kind, message, hint }: JsonObject): CpmError {
  if (typeof code !== "string" || typeof message !== "string" || typeof kind !== "string")
    return agentError("agent/worker-output", "the program failed without saying why");
  const title = "A release could not be installed or uninstalled";
  const table = { [code]: { kind: kind as ErrorKind, title, ...(typeof hint === "string" ? { hint } : {}) } };
  return createError(table, code, message);
}
