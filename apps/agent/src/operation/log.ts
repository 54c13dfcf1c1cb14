import { isCpmError, toErrorRecord } from "@cpm/base";
import type { Digest } from "@cpm/base";
import type { GetInfoRequest } from "@cpm/agent-client/contract";
import type { Healing } from "../node/heal-tree.ts";
import type { Caller } from "../service/caller.ts";
import type { CallRecord } from "../service/call-gate.ts";

/** One line of the log. `event` is a name that does not change. */
export interface LogLine {
  readonly event: string;
  readonly [field: string]: unknown;
}

export type Log = (line: LogLine) => void;

/** JSON lines with their time, for the journal. */
export function createLog(write: (text: string) => void, now: () => number): Log {
  return ({ event, ...fields }) =>
    write(`${JSON.stringify({ time: new Date(now()).toISOString(), event, ...fields })}\n`);
}

const maxNameLength = 64;

/** Who a client says that it is, cut to what the contract allows. */
export function clientLine({ clientName, clientVersion }: GetInfoRequest, { uid, pid }: Caller): LogLine {
  const client = clientName.slice(0, maxNameLength);
  return { event: "client", client, version: clientVersion.slice(0, maxNameLength), uid, pid };
}

/** Who called what, and how it ended. A failure of ours is told in full here and nowhere else. */
export function callLine({ method, caller, durationMs, error, cause }: CallRecord): LogLine {
  const { uid, pid } = caller;
  const line = { event: "call", method, uid, pid, durationMs: Math.round(durationMs * 1000) / 1000 };
  if (error === undefined) return line;
  const failure = isCpmError(cause)
    ? {}
    : { failure: cause instanceof Error ? (cause.stack ?? cause.message) : String(cause) };
  return { ...line, code: error.code, message: error.message, ...failure };
}

/** What became of a damaged tree. */
export function healingLine(tree: Digest, outcome: Healing | Error): LogLine {
  if (!(outcome instanceof Error)) return { event: "healing", tree, outcome };
  const { code, message } = toErrorRecord(outcome);
  return { event: "healing", tree, outcome: "failed", code, message };
}
