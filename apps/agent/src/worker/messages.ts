import { writeSync } from "node:fs";
import { archiveErrors } from "@cpm/archive";
import { createError, isJsonObject, parseJson, printable } from "@cpm/base";
import type { CpmError, ErrorTable, JsonObject } from "@cpm/base";
import { ociErrors } from "@cpm/oci";
import { storeErrors } from "@cpm/store";
import { agentError } from "../errors.ts";

/**
 * What a confined program tells the supervisor: a line of JSON each. `done` or `failed` is the last one. The program
 * may have been taken over by what it read, so nothing of it is believed beyond what the supervisor checks itself.
 */
export type WorkerMessage =
  | { readonly type: "progress"; readonly addedBytes: number }
  /** What a tree that was measured has of others. */
  | { readonly type: "shared"; readonly sizeBytes: number }
  /** A path of what was read again that is not what it should be, and at the end how many there are. */
  | { readonly type: "damaged"; readonly path: string }
  | { readonly type: "damage"; readonly count: number }
  | { readonly type: "done" }
  | { readonly type: "failed"; readonly code: string; readonly message: string };

const maxMessageLength = 500;

/** A progress line is written for each so many bytes. */
const reportBytes = 8 * 1024 * 1024;

export function say(message: WorkerMessage): void {
  writeSync(1, `${JSON.stringify(message)}\n`);
}

/** Adds up and reports now and then. */
export function createReporter(): (addedBytes: number) => void {
  let unreportedBytes = 0;
  return (addedBytes) => {
    unreportedBytes += addedBytes;
    if (unreportedBytes < reportBytes) return;
    say({ type: "progress", addedBytes: unreportedBytes });
    unreportedBytes = 0;
  };
}

/** Throws `agent/worker-output` for what is none of the messages. */
export function parseWorkerMessage(line: string): WorkerMessage {
  const value = parseObject(line);
  const { type, addedBytes, sizeBytes, path, count, code, message } = value;
  if (type === "done") return { type };
  if (type === "progress" && isCount(addedBytes) && addedBytes > 0) return { type, addedBytes };
  if (type === "shared" && isCount(sizeBytes)) return { type, sizeBytes };
  if (type === "damaged" && typeof path === "string") return { type, path };
  if (type === "damage" && isCount(count)) return { type, count };
  if (type === "failed" && typeof code === "string" && typeof message === "string") return { type, code, message };
  throw unexpected(line);
}

/** The error that a program reports, as the table of its code has it: only the message is the program's. */
export function reportedError(code: string, message: string): CpmError {
  const table = reportable.find((candidate) => Object.hasOwn(candidate, code));
  if (table === undefined) return unexpected(code);
  return createError(table, code, printable(message, maxMessageLength));
}

/** Of what a program does: reading archives, and reading and writing files. */
const reportable: readonly ErrorTable[] = [archiveErrors, storeErrors, ociErrors];

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function parseObject(line: string): JsonObject {
  try {
    const value = parseJson(line);
    if (isJsonObject(value)) return value;
  } catch (error) {
    throw unexpected(line, error);
  }
  throw unexpected(line);
}

function unexpected(text: string, cause?: unknown): CpmError {
  return agentError("agent/worker-output", `the worker answered ${printable(text, 100)}`, { cause });
}
