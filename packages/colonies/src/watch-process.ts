import type { CancelSignal } from "@cpm/base";
import { createError, isCpmError } from "@cpm/base";
import { pause } from "./backoff.ts";
import type { ColoniesClient } from "./client.ts";
import { coloniesErrors } from "./errors.ts";
import { isFinal } from "./process-types.ts";
import type { Process } from "./process-types.ts";

export interface WatchOptions {
  readonly signal?: CancelSignal | undefined;
  /** The longest time between two readings of the process, in milliseconds. Default 5000. */
  readonly pollMs?: number;
}

const defaultPollMs = 5000;
const firstPollMs = 100;
/** A change is noticed late by at most this part of the time that passed since the one before. */
const lateness = 1 / 8;
const rereadMs = 100;
/** Some failures have no reason at all: a workflow's members fail with one of them. */
const maxRereads = 3;

/**
 * Every change of a process's state or executor until it is final, beginning with the present one. The process is
 * read: soon after each change, then less and less often, up to `pollMs`. The server's pushes are not used, since two
 * that meet on one connection end the server (decision 031). A server that is away for a while is waited for.
 */
export async function* watchProcess(
  client: ColoniesClient,
  processId: string,
  options: WatchOptions = {},
): AsyncGenerator<Process> {
  const { signal, pollMs = defaultPollMs } = options;
  let last: Process | undefined;
  let changedAtMs = performance.now();
  for (;;) {
    signal?.throwIfAborted();
    try {
      const process = await readProcess(client, processId, signal);
      if (last === undefined || isChange(last, process)) {
        last = process;
        changedAtMs = performance.now();
        yield process;
      }
      if (isFinal(process.state)) return;
    } catch (error) {
      signal?.throwIfAborted();
      if (!isAway(error)) throw error;
    }
    const quietMs = performance.now() - changedAtMs;
    await pause(Math.min(pollMs, Math.max(firstPollMs, quietMs * lateness)), signal);
  }
}

/** The server writes that a process failed before it writes why: a failure without a reason is read again. */
async function readProcess(
  client: ColoniesClient,
  processId: string,
  signal: CancelSignal | undefined,
): Promise<Process> {
  for (let rereads = 0; ; rereads++) {
    const process = await client.processes.get(processId, { signal });
    if (process.state !== "failed" || process.errors.length > 0 || rereads === maxRereads) return process;
    await new Promise((resolve) => setTimeout(resolve, rereadMs));
  }
}

function isChange(before: Process, now: Process): boolean {
  return (
    before.state !== now.state ||
    before.assignedExecutorId !== now.assignedExecutorId ||
    before.startedAt?.getTime() !== now.startedAt?.getTime()
  );
}

/** The process in its final state. Throws `colonies/timeout` after `timeoutMs`. */
export async function waitForProcess(
  client: ColoniesClient,
  processId: string,
  options: WatchOptions & { readonly timeoutMs?: number } = {},
): Promise<Process> {
  const abort = new AbortController();
  const cancel = () => abort.abort(options.signal?.reason);
  options.signal?.addEventListener("abort", cancel, { once: true });
  const { timeoutMs } = options;
  const expire = () => {
    const message = `process ${processId} did not end within ${timeoutMs} ms`;
    abort.abort(createError(coloniesErrors, "colonies/timeout", message, { context: { processId, timeoutMs } }));
  };
  const timer = timeoutMs === undefined ? undefined : setTimeout(expire, timeoutMs);
  try {
    for await (const process of watchProcess(client, processId, { ...options, signal: abort.signal })) {
      if (isFinal(process.state)) return process;
    }
    throw new TypeError("a watch ends with a final state");
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener("abort", cancel);
  }
}

/** What a server that restarts looks like from outside. */
export function isAway(error: unknown): boolean {
  return awayCodes.some((code) => isCpmError(error, code));
}

const awayCodes = ["colonies/unreachable", "colonies/timeout", "colonies/no-database"] as const;
